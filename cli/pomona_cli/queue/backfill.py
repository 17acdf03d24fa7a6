"""Backfill: marks the keys dirty that the bucket lists or only the table has."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from pomona_cli.objects.listing import Listed, Listing
from pomona_cli.output.text import plural, plural_with_verb
from pomona_cli.queue.key_digests import KeyDigests
from pomona_cli.queue.marking import mark_dirty
from pomona_cli.stack.stack import Stack
from pomona_cli.table.reader import TableReader, find_table, key_prefix_filter


@dataclass
class BackfillCounts:
    """How many keys a backfill has found and marked."""

    listed: int = 0
    older: int = 0  # listed, but older than --since
    only_in_table: int = 0
    ignored: int = 0  # rows whose names are ignored now
    marked: int = 0
    segments: int = 0

    def summary(self, dry_run: bool) -> str:
        """Return what was found and marked, in words."""
        marked = f"{plural_with_verb(self.marked, 'key')} in the queue, in {plural(self.segments, 'segment')}"
        if dry_run:
            marked = f"{plural(self.marked, 'key')} would be marked"
        older = f", {self.older} of them older than --since" if self.older else ""
        ignored = f" {plural(self.ignored, 'row')} will go: their names are ignored (IgnoredNames)."
        return (
            f"{marked}: the bucket lists {self.listed}{older}, "
            f"and {self.only_in_table} {'is' if self.only_in_table == 1 else 'are'} only in the table."
            f"{ignored if self.ignored else ''}"
        )


def keys_to_mark(
    stack: Stack, prefix: str, since: datetime | None, counts: BackfillCounts, on_progress: Callable[[int], None]
) -> Iterator[str]:
    """Yield each key below the prefix that the bucket lists or only the table has, once.

    The table is opened before the listing begins: a row that is written later belongs to an object with an event of its
    own. A row whose name is ignored is yielded too, so that the run deletes it.

    Args:
        stack: the stack.
        prefix: the beginning of the keys.
        since: leave out objects that were modified before this time.
        counts: is updated during the iteration.
        on_progress: is called with the number of keys of each page or data file.
    """
    table = find_table(stack)
    listed_keys = KeyDigests()
    selection = stack.settings.selection
    ignored_names = selection.ignored_names
    for page in _pages(stack, prefix):
        listed_keys.add(listed.key for listed in page if not ignored_names.matches(listed.key))
        images = [listed for listed in page if selection.takes(listed.key)]
        fresh = [listed.key for listed in images if since is None or listed.modified_at >= since]
        counts.listed += len(images)
        counts.older += len(images) - len(fresh)
        on_progress(len(page))
        yield from fresh
    if table:
        for key in _only_in_table(table, stack.images_bucket, prefix, listed_keys, on_progress):
            counts.ignored += ignored_names.matches(key)
            counts.only_in_table += not ignored_names.matches(key)
            yield key


def _pages(stack: Stack, prefix: str) -> Iterator[list[Listed]]:
    """List what is below both the prefix and a prefix of the stack."""
    for own in stack.settings.selection.prefixes or ("",):
        if own.startswith(prefix) or prefix.startswith(own):
            yield from Listing(stack.s3, stack.images_bucket, max(own, prefix, key=len)).pages()


def _only_in_table(
    table: TableReader, bucket: str, prefix: str, listed_keys: KeyDigests, on_progress: Callable[[int], None]
) -> Iterator[str]:
    for batch in table.batches(("key",), key_prefix_filter(prefix, bucket)):
        keys = batch.column("key").to_pylist()
        on_progress(len(keys))
        yield from listed_keys.missing(keys)


def mark_keys(stack: Stack, keys: Iterator[str], counts: BackfillCounts) -> None:
    """Mark the keys dirty and count those that are stored in the queue."""
    for count in mark_dirty(stack.segments, stack.images_bucket, keys, "backfill"):
        counts.marked += count
        counts.segments += 1
