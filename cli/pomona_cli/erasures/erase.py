"""Erasing images: deletes objects with all versions, and has the next run remove their rows."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any

from pomona_cli.erasures.request import unfinished_erasures
from pomona_cli.erasures.scope import ErasureScope, OnProgress
from pomona_cli.objects.versions import Versions
from pomona_cli.queue.key_digests import KeyDigests
from pomona_cli.queue.marking import mark_dirty
from pomona_cli.stack.stack import Stack
from pomona_contract.documents.erasure import DELETING, OPEN, Erasure
from pomona_contract.segments import cluster_request
from pomona_contract.times import iso, stamp

_DATE_RESOLUTION = timedelta(seconds=1)  # of the HTTP header Date
_KEYS_AT_ONCE = 1000


@dataclass
class ErasureCounts:
    """How much an erasure has deleted and marked."""

    versions: int = 0
    marked: int = 0


def erase(stack: Stack, scope: ErasureScope, on_progress: OnProgress, counts: ErasureCounts) -> Erasure:
    """Delete the objects, mark their keys dirty, and return the open erasure, which a run makes final.

    The erasure is stored before the first deletion: `status` shows an interrupted erasure, and a repeated command
    continues it. It becomes open after the last deletion, with the time of that moment: a row of a later object is not
    removed.

    Args:
        stack: the stack.
        scope: what to erase.
        on_progress: is called with the number of versions of each request.
        counts: is updated while the erasure proceeds.
    """
    erasure = _begin(stack, scope)
    keys = _deleted_keys(stack, scope, on_progress, counts)
    # a run of the cluster makes the erasure final, so the keys must not end on the express lane
    for marked in mark_dirty(stack.segments, stack.images_bucket, keys, cluster_request("erase")):
        counts.marked += marked
    deleted_at = _server_time(stack.s3.head_bucket(Bucket=stack.images_bucket)) + _DATE_RESOLUTION
    opened = replace(erasure, state=OPEN, requested_at=iso(deleted_at), first_requested_at=erasure.open_since)
    _store(stack, opened)
    return opened


def _begin(stack: Stack, scope: ErasureScope) -> Erasure:
    """Return the interrupted erasure of the same scope, or store a new one."""
    for known in unfinished_erasures(stack):
        if known.state == DELETING and (known.prefix, list(known.keys)) == (scope.prefix, scope.keys):
            return known
    now = datetime.now(UTC)
    erasure = Erasure(
        f"{stamp(now)}-{secrets.token_hex(4)}",
        requested_at=iso(now),
        bucket=stack.images_bucket,
        prefix=scope.prefix,
        keys=scope.keys,
        state=DELETING,
        first_requested_at=iso(now),
    )
    _store(stack, erasure)
    return erasure


def _store(stack: Stack, erasure: Erasure) -> None:
    stack.s3.put_object(
        Bucket=stack.lake_bucket, Key=erasure.key, Body=erasure.to_json(), ContentType="application/json"
    )


def _deleted_keys(stack: Stack, scope: ErasureScope, on_progress: OnProgress, counts: ErasureCounts) -> Iterator[str]:
    """Yield each key of the scope once, after its last version was deleted, so that a run finds no object."""
    yielded = KeyDigests()
    bucket = Versions(stack.s3, stack.images_bucket)
    found_any = True
    while found_any:  # list again until nothing is left: an object may be written meanwhile
        found_any = False
        for versions in bucket.delete(scope.versions(stack)):
            found_any = True
            counts.versions += len(versions)
            on_progress(len(versions))
            keys = list(dict.fromkeys(version.key for version in versions))
            yield from yielded.missing(keys)
            yielded.add(keys)
    yield from yielded.missing(scope.keys)
    if scope.prefix is not None:
        row_keys = scope.row_keys(stack)
        while chunk := list(islice(row_keys, _KEYS_AT_ONCE)):
            yield from yielded.missing(chunk)


def _server_time(answer: dict[str, Any]) -> datetime:
    """Return S3's time of an answer: the operator's clock may be wrong by more than a run takes."""
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
