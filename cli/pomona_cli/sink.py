"""Files that are written to, whose errors say which file they are of: the system's name it only when it is opened."""

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Sink(io.FileIO):
    """A file that remembers why it took no more, whoever catches the error on its way."""

    def __init__(self, file: Path | int, shown_as: str) -> None:
        super().__init__(file, "w", closefd=not isinstance(file, int))
        self._shown_as = shown_as
        self.failure: OSError | None = None

    def write(self, content: "ReadableBuffer", /) -> int:
        """As any file, but the error has the file's name."""
        try:
            return super().write(content)
        except OSError as error:
            error.filename = self._shown_as
            self.failure = error
            raise


def take_over_stdout() -> Sink:
    """Let everything that is printed go through a sink, and give it; where stdout is closed, nothing is printed."""
    before = sys.stdout
    sink = Sink(before.fileno() if before else Path(os.devnull), "stdout")
    encoding, errors = (before.encoding, before.errors) if before else ("utf-8", None)
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(sink), encoding, errors, line_buffering=sink.isatty())
    return sink
