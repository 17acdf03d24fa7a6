"""What an erasure covers: a prefix or keys, and how much of it is in the bucket and in the table."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pomona_cli.errors import CliError, UsageError
from pomona_cli.objects.versions import Version, Versions
from pomona_cli.output.text import plural
from pomona_cli.stack.stack import Stack
from pomona_cli.table.reader import find_table, key_prefix_filter

_EXAMPLES = 5
OnProgress = Callable[[int], None]


@dataclass(frozen=True)
class ErasureScope:
    """What is to be erased: every key with a prefix, or some keys."""

    prefix: str | None
    keys: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"the prefix {self.prefix!r}" if self.prefix is not None else plural(len(self.keys), "key")

    def versions(self, stack: Stack) -> Iterator[Version]:
        """Yield the versions in the bucket."""
        versions = Versions(stack.s3, stack.images_bucket)
        return versions.of(self.keys) if self.prefix is None else versions.below(self.prefix)

    def row_keys(self, stack: Stack) -> Iterator[str]:
        """Yield the keys in the table."""
        table = find_table(stack)
        if table is None:
            return
        keys = table.keys(key_prefix_filter(self.prefix or "", stack.images_bucket))
        if self.prefix is not None:
            yield from keys
            return
        wanted = set(self.keys)
        yield from (key for key in keys if key in wanted)


@dataclass
class ScopeCounts:
    """How much of a scope is in the bucket and in the table."""

    versions: int = 0
    objects: int = 0
    rows: int = 0
    unknown: int = 0  # named keys that are neither in the bucket nor in the table
    examples: list[str] = field(default_factory=list)


def scope_of(prefix: str | None, keys: list[str] | None) -> ErasureScope:
    """Return the scope that the operator names.

    Raises:
        UsageError: not exactly one of the two is given, or the prefix is empty.
        CliError: there are no keys.
    """
    if (prefix is None) == (keys is None):
        raise UsageError("Name either a PREFIX or --keys-from FILE.")
    if prefix == "":
        raise UsageError("An empty prefix is every image of the bucket: name the prefixes.")
    if keys is not None and not keys:
        raise CliError("There are no keys in the file.")
    return ErasureScope(prefix, keys or [])


def count(stack: Stack, scope: ErasureScope, on_progress: OnProgress) -> ScopeCounts:
    """Count what there is of the scope; `on_progress` is called with 1 for each version."""
    counts = ScopeCounts()
    unknown = set(scope.keys)
    last = None
    for version in scope.versions(stack):
        unknown.discard(version.key)
        counts.versions += 1
        if version.key != last:
            counts.objects += 1
            last = version.key
            if counts.objects <= _EXAMPLES:
                counts.examples.append(version.key)
        on_progress(1)
    for key in scope.row_keys(stack):
        unknown.discard(key)
        counts.rows += 1
    counts.unknown = len(unknown)
    return counts
