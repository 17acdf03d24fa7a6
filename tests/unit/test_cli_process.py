"""How the command ends as a process: Ctrl-C from its first moment on, an output that takes no more."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli_stack import run_pomona
from tests.local_server import ROOT

FULL = Path("/dev/full")
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("cli", "contract", "functions")),
}
# SIGINT as a terminal's program has it: what runs in the background of a shell inherits that it is ignored
BEGIN = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
RUN = BEGIN + "from pomona_cli.entry import main; main()"
IMPORTS_FOR_LONG = f"""{BEGIN}
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            import time
            print("importing", flush=True)
            time.sleep(60)
sys.meta_path.insert(0, Slow())
from pomona_cli.entry import main
main()
"""
SHOWS_MUCH = """
import sys
from pomona_cli import main, process
from pomona_cli.terminal import show, show_json, show_table
def lines():
    for _ in range(100_000): show("line")
def documents():
    show_json({"number": number} for number in range(100_000))
def table():
    show_table("A table", ["number"], [[number] for number in range(20_000)])
main.app = globals()[sys.argv.pop()]
process.run()
"""


def started(program, *words, stdout=subprocess.PIPE):
    command = [sys.executable, "-c", program, *words]
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=stdout, stderr=subprocess.PIPE, text=True)


def test_ctrl_c_while_python_imports_is_no_traceback():
    # Given a command that is importing
    with started(IMPORTS_FOR_LONG, "status") as process:
        assert process.stdout.readline() == "importing\n"
        # When Ctrl-C is pressed
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=60)[1]
    # Then it ends as any other command that is interrupted
    assert (process.returncode, told) == (130, "Interrupted.\n")


@pytest.mark.parametrize("method", ["make_context", "invoke"])
def test_ctrl_c_while_a_command_is_chosen_is_told(monkeypatch, method):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"typer.core.TyperGroup.{method}", interrupted)
    told = run_pomona(["status"], {})
    assert (told.exit_code, told.stderr) == (130, "Interrupted. Nothing was changed; it can be started again.\n")


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_a_full_disk_behind_stdout_is_told_in_a_sentence(word):
    with FULL.open("w") as full, started(RUN, word, stdout=full) as process:
        told = process.communicate(timeout=60)[1]
    assert (process.returncode, told) == (1, "pomona: stdout cannot be written: No space left on device.\n")


@pytest.mark.parametrize("what", ["lines", "documents", "table"])
def test_a_closed_pipe_ends_every_output_silently_and_alike(what):
    with started(SHOWS_MUCH, what) as process:
        process.stdout.read(1)
        process.stdout.close()
        told = process.stderr.read()
    assert (process.returncode, told) == (141, "")


@pytest.mark.parametrize("what", ["lines", "documents", "table"])
def test_a_full_disk_ends_every_output_alike(what):
    with FULL.open("w") as full, started(SHOWS_MUCH, what, stdout=full) as process:
        told = process.communicate(timeout=60)[1]
    assert (process.returncode, told) == (1, "pomona: stdout cannot be written: No space left on device.\n")


def test_a_closed_stdout_is_no_error():
    closed = ["sh", "-c", 'exec "$0" -c "$1" --version >&-', sys.executable, RUN]
    told = subprocess.run(closed, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert (told.returncode, told.stderr) == (0, "")


def test_the_entry_imports_nothing_before_it_can_tell_an_interruption():
    told = "import sys; before = set(sys.modules); import pomona_cli.entry; print(sorted(set(sys.modules) - before))"
    with started(told) as process:
        assert process.stdout.read() == "['pomona_cli', 'pomona_cli.entry']\n"
