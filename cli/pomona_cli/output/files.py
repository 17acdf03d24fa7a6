"""Files whose write errors carry the file's name: the operating system names it only in errors of `open`."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pomona_cli.errors import CliError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDOUT = "stdout"
STDOUT_TARGET = "-"  # as an operator names it


class NamedFile(io.FileIO):
    """A file that is written, and that sets `filename` in its errors."""

    def __init__(self, file: Path | int, name: str) -> None:
        super().__init__(file, "w", closefd=not isinstance(file, int))
        self._name = name

    def write(self, content: "ReadableBuffer", /) -> int:
        """Write as any file does."""
        try:
            return super().write(content)
        except OSError as error:
            error.filename = self._name
            raise


def name_stdout() -> None:
    """Let the errors of stdout carry `STDOUT`; print nothing where the caller has closed it."""
    old = sys.stdout
    file = NamedFile(old.fileno() if old else Path(os.devnull), STDOUT)
    encoding, errors = (old.encoding, old.errors) if old else ("utf-8", None)
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(file), encoding, errors, line_buffering=file.isatty())


@contextmanager
def written_in_place(path: Path) -> Iterator[IO[bytes]]:
    """Open a device, a named pipe or a new file for writing."""
    with io.BufferedWriter(NamedFile(path, str(path))) as file:
        yield file


@contextmanager
def replaced_when_complete(link: Path) -> Iterator[IO[bytes]]:
    """Open `FILE.partial` for writing and rename it to `FILE` at the end; delete it if the block raises an error."""
    path = Path(os.path.realpath(link))  # replace the file that a link leads to, not the link
    partial = path.with_name(f"{path.name}.partial")
    try:
        with written_in_place(partial) as file:
            yield file
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def opened_for_writing(target: str) -> Iterator[IO[bytes]]:
    """Open what an operator names as a target: `-` is stdout.

    A regular file appears when it is complete. A device or a named pipe is written in place: replacing it would make
    it a regular file.

    Raises:
        CliError: the file cannot be written.
    """
    if target == STDOUT_TARGET:
        yield sys.stdout.buffer
        return
    path = Path(target)
    open_file = written_in_place if path.exists() and not path.is_file() else replaced_when_complete
    try:
        with open_file(path) as file:
            yield file
    except OSError as error:
        if error.filename is None:  # an error of the source
            raise
        raise CliError(f"{target} cannot be written: {error.strerror}.") from error
