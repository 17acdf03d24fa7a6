"""`pomona erase`: deletes objects with all their versions, and has the next run remove what the table holds of them."""

import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from pomona_cli.deleting import Version, Versions
from pomona_cli.erasures import erasures
from pomona_cli.errors import CliError
from pomona_cli.queue_writing import mark_dirty
from pomona_cli.seen import SeenKeys
from pomona_cli.stack import Stack
from pomona_cli.table import find_table, prefixed
from pomona_cli.terminal import counted
from pomona_contract.documents.erasure import DELETING, OPEN, Erasure
from pomona_contract.times import iso, stamp

_EXAMPLES = 5
_WHOLE_SECOND = timedelta(seconds=1)  # S3 tells the time without fractions
_KEYS_IN_A_FILTER = 1000
Tell = Callable[[int], None]


@dataclass(frozen=True)
class Subject:
    """What is to be erased: everything below a prefix, or keys."""

    prefix: str | None
    keys: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"the prefix {self.prefix!r}" if self.prefix is not None else counted(len(self.keys), "key")


@dataclass
class Found:
    """What there is to erase."""

    versions: int = 0
    objects: int = 0
    rows: int = 0
    unknown: int = 0  # of the keys that were named, those that are neither in the bucket nor in the table
    examples: list[str] = field(default_factory=list)


@dataclass
class Erased:
    """What was done."""

    versions: int = 0
    marked: int = 0


def subject_of(prefix: str | None, keys: list[str] | None) -> Subject:
    """What the operator asks for; CliError unless it is exactly one of the two, and not everything there is."""
    if (prefix is None) == (keys is None):
        raise CliError("Name either a PREFIX or --keys-from FILE.")
    if keys is not None and not keys:
        raise CliError("There are no keys in the file.")
    if prefix == "":
        raise CliError("An empty prefix is every image of the bucket: name the prefixes.")
    return Subject(prefix, keys or [])


def count(stack: Stack, subject: Subject, tell: Tell) -> Found:
    """How much there is of it in the bucket and in the table, with a few of the keys; changes nothing."""
    found = Found()
    unknown = set(subject.keys)
    last = None
    for version in _versions(stack, subject):
        unknown.discard(version.key)
        found.versions += 1
        if version.key != last:
            found.objects += 1
            last = version.key
            if found.objects <= _EXAMPLES:
                found.examples.append(version.key)
        tell(1)
    for key in _row_keys(stack, subject):
        unknown.discard(key)
        found.rows += 1
    found.unknown = len(unknown)
    return found


def erase(stack: Stack, subject: Subject, tell: Tell, erased: Erased) -> Erasure:
    """Delete, mark dirty, and leave the request that the runs make final; `erased` counts as it goes.

    The request is there from the beginning, so that an interrupted erasure is seen, and a repetition goes on with it.
    It opens when the last object is gone: a row that is newer than that can only be of an object that came later.
    """
    erasure = _begin(stack, subject)
    for marked in mark_dirty(stack.segments, stack.images_bucket, _dirty(stack, subject, tell, erased), "erase"):
        erased.marked += marked
    moment = _time_of(stack.s3.head_bucket(Bucket=stack.images_bucket)) + _WHOLE_SECOND
    opened = replace(erasure, state=OPEN, requested_at=iso(moment), first_requested_at=erasure.open_since)
    _put(stack, opened)
    return opened


def _begin(stack: Stack, subject: Subject) -> Erasure:
    for known in erasures(stack):
        if known.state == DELETING and (known.prefix, list(known.keys)) == (subject.prefix, subject.keys):
            return known
    moment = datetime.now(UTC)
    identity = f"{stamp(moment)}-{secrets.token_hex(4)}"
    erasure = Erasure(
        identity,
        requested_at=iso(moment),
        bucket=stack.images_bucket,
        prefix=subject.prefix,
        keys=subject.keys,
        state=DELETING,
        first_requested_at=iso(moment),
    )
    _put(stack, erasure)
    return erasure


def _put(stack: Stack, erasure: Erasure) -> None:
    stack.s3.put_object(
        Bucket=stack.lake_bucket, Key=erasure.key, Body=erasure.to_json(), ContentType="application/json"
    )


def _dirty(stack: Stack, subject: Subject, tell: Tell, erased: Erased) -> Iterator[str]:
    """Each affected key, once, after its last version is gone: a run that looks at it then finds nothing."""
    seen = SeenKeys()
    bucket = Versions(stack.s3, stack.images_bucket)
    left = True
    while left:  # until a listing finds nothing: what was put meanwhile goes as well
        left = False
        for versions in bucket.delete(_versions(stack, subject)):
            left = True
            erased.versions += len(versions)
            tell(len(versions))
            keys = list(dict.fromkeys(version.key for version in versions))
            yield from seen.new(keys)
            seen.add(keys)
    yield from seen.new(subject.keys)
    if subject.prefix is not None:
        yield from _chunked(seen.new, _row_keys(stack, subject))


def _chunked(new: Callable[[list[str]], list[str]], keys: Iterable[str]) -> Iterator[str]:
    chunk: list[str] = []
    for key in keys:
        chunk.append(key)
        if len(chunk) == _KEYS_IN_A_FILTER:
            yield from new(chunk)
            chunk = []
    yield from new(chunk)


def _versions(stack: Stack, subject: Subject) -> Iterator[Version]:
    versions = Versions(stack.s3, stack.images_bucket)
    return versions.of(subject.keys) if subject.prefix is None else versions.below(subject.prefix)


def _row_keys(stack: Stack, subject: Subject) -> Iterator[str]:
    """The keys that the table has of it."""
    table = find_table(stack)
    if table is None:
        return
    if subject.prefix is not None:
        yield from table.keys(prefixed(subject.prefix, stack.images_bucket))
        return
    wanted = set(subject.keys)
    yield from (key for key in table.keys(prefixed("", stack.images_bucket)) if key in wanted)


def _time_of(answer: dict[str, Any]) -> datetime:
    """S3's own clock: the operator's may be wrong by more than a run takes."""
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
