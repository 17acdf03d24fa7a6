"""The second emulator in a process of its own, and a machine that deploys into it."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.local_server import ROOT, processes_of, until
from tests.machine import Machine
from tests.served_aws import ServedAws

PYTHON = ROOT / ".venv" / "emulator" / "bin" / "python"


@contextmanager
def second_emulator(folder: Path) -> Iterator[ServedAws]:
    """Serve it with `folder` for its temporary files; no process of it is left afterwards."""
    scratch, log = folder / "scratch", folder / "emulator.log"
    scratch.mkdir()
    # an environment of its own: this one's proxies, credentials and PYTHONPATH are not for the emulator's functions
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(scratch), "PYTHONDONTWRITEBYTECODE": "1"}
    with log.open("w") as output:
        process = subprocess.Popen(
            [PYTHON, "-I", Path(__file__).with_name("second_emulator.py")],
            stdin=subprocess.PIPE,  # it ends when this process does, however that happens
            stdout=subprocess.PIPE,
            stderr=output,
            env=environment,
            start_new_session=True,
            text=True,
        )
    try:
        endpoint = process.stdout.readline().strip()
        assert endpoint, f"the second emulator did not start: {log.read_text()[-3000:]}"
        yield ServedAws(endpoint)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        # the functions' processes have their code in the scratch folder
        until(lambda: not processes_of(str(scratch)), 5, "no process of the emulator is left")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("conformance")
    try:
        with second_emulator(folder) as aws:
            yield Machine.set_up(folder, aws)
    finally:
        shutil.rmtree(folder)  # its builds are larger than what pytest should keep of three test runs
