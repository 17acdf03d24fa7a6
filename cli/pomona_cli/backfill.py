"""`pomona backfill`: marks dirty what the bucket lists and what only the table has, however events were lost."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from pomona_cli.listing import Listed, Listing
from pomona_cli.queue_writing import mark_dirty
from pomona_cli.seen import SeenKeys
from pomona_cli.stack import Stack
from pomona_cli.table import FeatureTable, find_table, prefixed
from pomona_cli.terminal import counted, counted_are


@dataclass
class Backfill:
    """What a backfill found, and what of it is in the queue."""

    listed: int = 0
    older: int = 0  # listed, and left out because of --since
    only_in_table: int = 0
    ignored: int = 0  # rows whose names are ignored now
    marked: int = 0
    segments: int = 0

    def sentence(self, dry_run: bool) -> str:
        """What was found and done, for people."""
        marked = f"{counted_are(self.marked, 'key')} in the queue, in {counted(self.segments, 'segment')}"
        if dry_run:
            marked = f"{counted(self.marked, 'key')} would be marked"
        left_out = f", {self.older} of them older than --since" if self.older else ""
        ignored = f" {counted(self.ignored, 'row')} will go: their names are ignored (IgnoredNames)."
        return (
            f"{marked}: the bucket lists {self.listed}{left_out}, "
            f"and {self.only_in_table} {'is' if self.only_in_table == 1 else 'are'} only in the table."
            f"{ignored if self.ignored else ''}"
        )


def disagreeing_keys(
    stack: Stack, prefix: str, since: datetime | None, found: Backfill, tell: Callable[[int], None]
) -> Iterator[str]:
    """Each key below the prefix that the bucket lists (modified at `since` or later) or only the table has, once.

    `found` counts as it goes; `tell` hears how many keys were looked at. The table is opened first: a row that comes
    while the bucket is listed belongs to an event of its own. A row whose name is ignored is marked, that it may go.
    """
    table = find_table(stack)
    seen = SeenKeys()
    selection = stack.settings.selection
    ignored = selection.ignored_names
    for page in _pages(stack, prefix):
        seen.add(listed.key for listed in page if not ignored.matches(listed.key))
        images = [listed for listed in page if selection.takes(listed.key)]
        fresh = [listed.key for listed in images if since is None or listed.modified_at >= since]
        found.listed += len(images)
        found.older += len(images) - len(fresh)
        tell(len(page))
        yield from fresh
    if table:
        for gone in _only_in_table(table, stack.images_bucket, prefix, seen, tell):
            found.ignored += ignored.matches(gone)
            found.only_in_table += not ignored.matches(gone)
            yield gone


def _pages(stack: Stack, prefix: str) -> Iterator[list[Listed]]:
    """What lies both below the prefix and below one of the stack's own."""
    for own in stack.settings.selection.prefixes or ("",):
        if own.startswith(prefix) or prefix.startswith(own):
            yield from Listing(stack.s3, stack.images_bucket, max(own, prefix, key=len)).pages()


def _only_in_table(
    table: FeatureTable, bucket: str, prefix: str, seen: SeenKeys, tell: Callable[[int], None]
) -> Iterator[str]:
    for batch in table.batches(("key",), prefixed(prefix, bucket)):
        keys = batch.column("key").to_pylist()
        tell(len(keys))
        yield from seen.new(keys)


def write(stack: Stack, keys: Iterator[str], found: Backfill) -> None:
    """Mark the keys dirty; `found` counts those that are safe in the queue."""
    for count in mark_dirty(stack.segments, stack.images_bucket, keys, "backfill"):
        found.marked += count
        found.segments += 1
