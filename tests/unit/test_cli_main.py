"""The process of the command line: Ctrl-C from its beginning on, an output that cannot be written, what it imports."""

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
RUN = BEGIN + "from pomona_cli.main import main; main()"
IMPORTS_FOR_LONG = f"""{BEGIN}
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            import time
            print("importing", flush=True)
            time.sleep(60)
sys.meta_path.insert(0, Slow())
from pomona_cli.main import main
main()
"""
PRINTS_MUCH = """
import sys
import typer
import pomona_cli.app
from pomona_cli.main import main
from pomona_cli.output.stream import print_json, print_line
from pomona_cli.output.tables import print_table
def lines():
    for _ in range(20_000): print_line("a line")
def documents():
    print_json({"number": number} for number in range(20_000))
def table():
    print_table("A table", ["text"], [["x" * 70] for _ in range(2_000)])
def csv():
    import pyarrow, pyarrow.csv
    pyarrow.csv.write_csv(pyarrow.table({"number": range(20_000)}), sys.stdout.buffer)
pomona_cli.app.app = typer.Typer()
pomona_cli.app.app.command()(globals()[sys.argv.pop()])
main()
"""
# each prints more than a pipe holds
OUTPUTS = pytest.mark.parametrize("output", ["lines", "documents", "table", "csv"])
HEAVY = ("boto3", "botocore", "numpy", "pyarrow", "pyiceberg", "rich")


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
def test_ctrl_c_while_a_command_is_chosen_is_no_traceback(monkeypatch, method):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"typer.core.TyperGroup.{method}", interrupted)
    told = run_pomona(["status"], {})
    assert (told.exit_code, told.stderr) == (130, "")


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_a_full_disk_behind_stdout_is_told_in_a_sentence(word):
    with FULL.open("w") as full, started(RUN, word, stdout=full) as process:
        told = process.communicate(timeout=60)[1]
    assert (process.returncode, told) == (1, "pomona: stdout cannot be written: No space left on device.\n")


@OUTPUTS
def test_a_closed_pipe_ends_every_output_without_a_message(output):
    with started(PRINTS_MUCH, output) as process:
        process.stdout.read(1)
        process.stdout.close()
        told = process.stderr.read()
    assert (process.returncode, told) == (1, "")


def test_a_pipe_that_is_closed_before_the_first_line_ends_without_a_message():
    reader, writer = os.pipe()
    os.close(reader)
    with started(RUN, "--version", stdout=writer) as process:
        told = process.communicate(timeout=60)[1]
    os.close(writer)
    assert (process.returncode, told) == (1, "")


@OUTPUTS
def test_a_full_disk_ends_every_output_with_a_sentence(output):
    with FULL.open("w") as full, started(PRINTS_MUCH, output, stdout=full) as process:
        told = process.communicate(timeout=60)[1]
    assert (process.returncode, told) == (1, "pomona: stdout cannot be written: No space left on device.\n")


def test_a_closed_stdout_is_no_error():
    closed = ["sh", "-c", 'exec "$0" -c "$1" --version >&-', sys.executable, RUN]
    told = subprocess.run(closed, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert (told.returncode, told.stderr) == (0, "")


def imported(module: str) -> set[str]:
    """Return the modules that the import of a module adds to those of Python."""
    code = f"import sys; before = set(sys.modules); import {module}; print(*sorted(set(sys.modules) - before))"
    with started(code) as process:
        return set(process.stdout.read().split())


def test_the_entry_point_imports_nothing_before_it_catches_an_interruption():
    assert imported("pomona_cli.main") == {"pomona_cli", "pomona_cli.exit_status", "pomona_cli.main"}


def test_the_help_and_the_version_import_no_heavy_package():
    packages = {name.partition(".")[0] for name in imported("pomona_cli.app")}
    assert packages.isdisjoint(HEAVY)
