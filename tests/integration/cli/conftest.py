"""Stacks for the command line's tests, in the embedded AWS that the modules share."""

import pytest

from tests.cli_documents import HOSTILE
from tests.cli_stack import CliStack
from tests.local_server import LocalServer


@pytest.fixture(scope="session")
def aws(shared_server: LocalServer) -> LocalServer:
    return shared_server


@pytest.fixture
def stack(aws: LocalServer, request: pytest.FixtureRequest) -> CliStack:
    return CliStack(aws, f"cli-{abs(hash(request.node.nodeid)) % 10**8}")


@pytest.fixture(scope="session")
def common(aws: LocalServer) -> CliStack:
    """A stack that no test changes."""
    return CliStack(aws, "cli-common")


@pytest.fixture(scope="session")
def filled(aws: LocalServer) -> CliStack:
    """A stack with images that could be read and some that could not, in two data files."""
    stack = CliStack(aws, "cli-filled")
    bad = [stack.row(f"bad/{key}", error=f"=broken {number}", features=None) for number, key in enumerate(HOSTILE)]
    stack.append(*bad, stack.row("apple/1.jpg"))
    stack.append(stack.row("kiwi/1.jpg", backbone="other@1", features=[0.25, -1.5]))
    return stack
