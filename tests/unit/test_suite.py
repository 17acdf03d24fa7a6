"""What the structure of these tests relies on."""

from tests.conftest import ONE_PROCESS
from tests.local_server import ROOT


def test_the_files_that_look_at_the_demo_are_given_to_one_process() -> None:
    files = (ROOT / "tests" / "e2e").glob("test_*.py")
    looking = {str(file.relative_to(ROOT)) for file in files if "demo: Demo" in file.read_text()}
    assert looking == set(ONE_PROCESS)


def test_unit_tests_start_no_server_and_no_spark() -> None:
    files = [*(ROOT / "tests" / "unit").glob("*.py"), *(ROOT / "tests" / "model").glob("*.py")]
    servers = ("LocalServer(", "ThreadedMotoServer(", "make_server(", "start_session(", "shared_server")
    found = {file.name for file in files for name in servers if name in file.read_text()}
    assert found == {"test_suite.py"}  # the names above
