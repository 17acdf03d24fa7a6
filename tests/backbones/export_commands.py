"""Runs `backbones/export.py` of a clone, in a new process for each command line; TensorFlow is imported once for all.

    python export_commands.py CLONE

Each line of the standard input is a command line, a list in JSON. The answer, a line too, has `returncode`, `stdout`
and `stderr`. A process is a copy of this one, which has imported the command's modules and has run nothing of them.
"""

import json
import os
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, BinaryIO


def answer(words: list[str]) -> dict[str, Any]:
    """Return what the command has printed, and how it has ended."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
        child = os.fork()
        if not child:
            become_the_command(words, out, error)
        _, status = os.waitpid(child, 0)
        texts = {name: text_of(file) for name, file in (("stdout", out), ("stderr", error))}
        return {"returncode": os.waitstatus_to_exitcode(status), **texts}


def become_the_command(words: list[str], out: BinaryIO, error: BinaryIO) -> None:
    """Run the command; this process ends as it ends."""
    os.dup2(out.fileno(), 1)
    os.dup2(error.fileno(), 2)
    sys.argv = ["backbones/export.py", *words]
    export.main()
    sys.exit()


def text_of(file: BinaryIO) -> str:
    """Return the whole text of the file."""
    file.seek(0)
    return file.read().decode()


os.chdir(sys.argv[1])
sys.path[0] = str(Path("backbones").resolve())
with redirect_stdout(sys.stderr):  # which says that TensorFlow starts
    import export

for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
