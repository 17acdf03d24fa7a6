"""What a process has made of the table's files. Such a file never changes, so it is read once."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from pomona.s3.read_ahead import in_order

FILES_AT_ONCE = 8
File = TypeVar("File")
Made = TypeVar("Made")


class KeptFiles(Generic[File, Made]):
    """What was made of the files that were used last, by their addresses."""

    def __init__(self, location: Callable[[File], str], size: Callable[[Made], int], most: int) -> None:
        """Keep what adds up to `most` by `size` at most; `location` is the address of a file."""
        self._location, self._size, self._most = location, size, most
        self._kept: OrderedDict[str, Made] = OrderedDict()
        self._total = 0

    def each(self, files: Iterable[File], make: Callable[[File], Made]) -> Iterator[tuple[File, Made]]:
        """Yield each file with what is made of it, the kept files first; a few others are in memory beside the kept."""
        unread: list[File] = []
        for file in files:
            location = self._location(file)
            if location in self._kept:
                self._kept.move_to_end(location)
                yield file, self._kept[location]
            else:
                unread.append(file)
        for file, made in zip(unread, in_order(unread, make, FILES_AT_ONCE), strict=True):
            self._keep(self._location(file), made)
            yield file, made

    def _keep(self, location: str, made: Made) -> None:
        self._kept[location] = made
        self._total += self._size(made)
        while self._total > self._most:
            _, oldest = self._kept.popitem(last=False)
            self._total -= self._size(oldest)
