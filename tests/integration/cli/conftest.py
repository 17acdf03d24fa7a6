"""An embedded AWS for each module of the command line's tests, and stacks in it."""

from collections.abc import Iterator

import pytest

from tests.cli_documents import HOSTILE
from tests.cli_stack import CliStack
from tests.local_server import LocalServer


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    server = LocalServer(tmp_path_factory.mktemp("state"))
    yield server
    server.stop()


@pytest.fixture
def stack(aws: LocalServer, request: pytest.FixtureRequest) -> CliStack:
    return CliStack(aws, f"cli-{abs(hash(request.node.nodeid)) % 10**8}")


@pytest.fixture(scope="module")
def common(aws: LocalServer) -> CliStack:
    """A stack that no test changes."""
    return CliStack(aws, "cli-common")


@pytest.fixture(scope="module")
def filled(aws: LocalServer) -> CliStack:
    """A stack with images that could be read and some that could not, in two data files."""
    stack = CliStack(aws, "cli-filled")
    bad = [stack.row(f"bad/{key}", error=f"=broken {number}", features=None) for number, key in enumerate(HOSTILE)]
    stack.append(*bad, stack.row("apple/1.jpg"))
    stack.append(stack.row("kiwi/1.jpg", backbone="other@1", features=[0.25, -1.5]))
    return stack
