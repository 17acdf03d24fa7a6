"""GETs one image. The status of the result says what the run does about the key."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

import obstore
from botocore.exceptions import ClientError
from obstore.exceptions import BaseError, NotModifiedError

from pomona.s3.bounded_call import AnswerTimeoutError, call_within
from pomona.s3.object_store import DEFAULT_TIMEOUTS, Timeouts, object_store, says_no_such_key
from pomona.s3.objects import NO_ANSWER, error_code, s3_client
from pomona.s3.read_ahead import ByteBudget

Result = TypeVar("Result")
NOT_MODIFIED = ("304", "NotModified")
NEEDS_A_KEY = "Server Side Encryption"
"""In S3's message to a GET that lacks the key of an object under SSE-C: "stored using a form of …", status 400."""
CUSTOMERS_KEY = "encrypted with a key that only its owner has (SSE-C): upload it with the encryption of the bucket"
# keys that obstore normalises ('/a' and 'a/' become 'a') or refuses
NORMALISED_KEYS = re.compile(r"^/|/$|//|(^|/)\.\.?(/|$)|[\x00-\x1f\x7f-\x9f]")


class FetchStatus(StrEnum):
    """What became of a key."""

    FOUND = "found"
    UNCHANGED = "unchanged"
    GONE = "gone"
    UNUSABLE = "unusable"
    UNREAD = "unread"


class FallbackReason(StrEnum):
    """Why boto3 read an object instead of obstore."""

    KEYS = "keys"
    """obstore would normalise or refuse the key."""
    ERRORS = "errors"
    """obstore answered with an error."""


@dataclass(frozen=True, slots=True)
class KeyToFetch:
    """A key to fetch, and what the table knows of it."""

    key: str
    etag: str | None
    """Of the row, if it has features of the present backbone: an object with this etag need not be read again."""
    known: bool
    """True if the table has a row of this key."""
    row_etag: str | None = None
    """Of the row, whatever its backbone."""
    row_error: str | None = None
    """Of the row, if it is an error of the present backbone."""
    ignored: bool = False
    """True if the name says that it is no image: then the key has no row, whatever the object is."""


@dataclass(frozen=True, slots=True)
class FetchResult:
    """The result for one key. `body` is set if FOUND, `reason` if UNUSABLE or UNREAD."""

    dirty: KeyToFetch
    status: FetchStatus
    reason: str = ""
    etag: str = ""
    size: int = 0
    last_modified: datetime | None = None
    body: bytes = b""
    retries: int = 0
    fallback: FallbackReason | None = None
    """Set if boto3 got the answer in obstore's place."""


class ImageFetcher:
    """Reads images of one bucket. Thread-safe.

    obstore reads first, because it is faster. Only S3's code NoSuchKey, and no other 404, means that an object is gone,
    whichever client asked. After any other error of obstore, boto3 reads again, because it gives S3's own error code.
    A body is read only when the budget has room for it; whoever uses the body gives the room back.
    """

    def __init__(self, bucket: str, max_bytes: int, budget: ByteBudget, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> None:
        self._bucket = bucket
        self._max_bytes = max_bytes
        self._budget = budget
        self._timeouts = timeouts
        self._store = object_store(bucket, timeouts)

    def fetch(self, dirty: KeyToFetch) -> FetchResult:
        """Return what became of the key. Errors of S3 are results too, and are not raised."""
        if dirty.ignored:
            return FetchResult(dirty, FetchStatus.GONE)
        if NORMALISED_KEYS.search(dirty.key):
            return self._read_with_boto3(dirty, FallbackReason.KEYS)
        try:
            return self._read_with_obstore(dirty)
        except NotModifiedError:
            return FetchResult(dirty, FetchStatus.UNCHANGED)
        except (BaseError, OSError, ValueError) as error:
            if says_no_such_key(error, dirty.key):
                return FetchResult(dirty, FetchStatus.GONE)
            return self._read_with_boto3(dirty, FallbackReason.ERRORS)

    def _read_with_obstore(self, dirty: KeyToFetch) -> FetchResult:
        options: Any = {"if_none_match": f'"{dirty.etag}"'} if dirty.etag else None
        answer = obstore.get(self._store, dirty.key, options=options)
        meta = answer.meta
        etag = (meta["e_tag"] or "").strip('"')
        return self._result(dirty, etag, meta["size"], meta["last_modified"], lambda: answer.bytes().to_bytes())

    def _read_with_boto3(self, dirty: KeyToFetch, why: FallbackReason) -> FetchResult:
        condition: Any = {"IfNoneMatch": f'"{dirty.etag}"'} if dirty.etag else {}
        try:
            answer = self._within_timeout(
                lambda: s3_client().get_object(Bucket=self._bucket, Key=dirty.key, **condition)
            )
            etag, read = answer["ETag"].strip('"'), answer["Body"].read
            found = self._result(
                dirty, etag, answer["ContentLength"], answer["LastModified"], lambda: self._within_timeout(read)
            )
            if found.status != FetchStatus.FOUND:
                answer["Body"].close()
            return replace(found, fallback=why)
        except ClientError as error:
            if error_code(error) in NOT_MODIFIED:
                return FetchResult(dirty, FetchStatus.UNCHANGED, fallback=why)
            return self._result_of_error(dirty, error)
        except (AnswerTimeoutError, *NO_ANSWER) as error:
            return FetchResult(dirty, FetchStatus.UNREAD, _why_no_answer(error), retries=1)

    def _within_timeout(self, call: Callable[[], Result]) -> Result:
        return call_within(self._timeouts.object_seconds, call)

    def _result(
        self, dirty: KeyToFetch, etag: str, size: int, modified: datetime, read: Callable[[], bytes]
    ) -> FetchResult:
        if size == 0 and dirty.key.endswith("/"):  # the placeholder of a folder, which consoles and sync tools create
            return FetchResult(dirty, FetchStatus.GONE)
        about = {"etag": etag, "size": size, "last_modified": modified}
        if size > self._max_bytes:
            reason = f"too large: {size:,} bytes is above the limit of {self._max_bytes:,}"
            return FetchResult(dirty, FetchStatus.UNUSABLE, reason, **about)  # type: ignore[arg-type]
        self._budget.take(size)
        try:
            return FetchResult(dirty, FetchStatus.FOUND, body=read(), **about)  # type: ignore[arg-type]
        except BaseException:
            self._budget.give_back(size)
            raise

    def _result_of_error(self, dirty: KeyToFetch, error: ClientError) -> FetchResult:
        code = error_code(error)
        if code == "NoSuchKey" or (code == "404" and self._is_not_listed(dirty.key)):
            return FetchResult(dirty, FetchStatus.GONE)
        if code == "InvalidObjectState":
            return self._result_of_archived(dirty)
        if code == "InvalidRequest" and NEEDS_A_KEY in error.response["Error"].get("Message", ""):
            return self._result_of_customers_key(dirty)
        retries = 1 + error.response["ResponseMetadata"].get("RetryAttempts", 0)
        return FetchResult(dirty, FetchStatus.UNREAD, f"S3 says {code}", retries=retries)

    def _is_not_listed(self, key: str) -> bool:
        """Return True if the listing lacks the key. A 404 that quotes control characters is no XML and has no code."""
        return self._listed(key) == []

    def _listed(self, key: str) -> list[Any] | None:
        """Return the key's entry of the listing in a list, which is empty if there is none; None without an answer."""
        try:
            listing = self._within_timeout(
                lambda: s3_client().list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1)
            )
        except (ClientError, AnswerTimeoutError, *NO_ANSWER):
            return None
        return [entry for entry in listing.get("Contents", []) if entry["Key"] == key]

    def _result_of_customers_key(self, dirty: KeyToFetch) -> FetchResult:
        """Return the result for an object under a key that only its owner has (SSE-C): no retry can read it.

        S3 tells what the listing has of it, and nothing else, not even the header.
        """
        if not (listed := self._listed(dirty.key)):
            return FetchResult(dirty, FetchStatus.UNREAD, "S3 says InvalidRequest")
        (entry,) = listed
        about = {"etag": entry["ETag"].strip('"'), "size": entry["Size"], "last_modified": entry["LastModified"]}
        return FetchResult(dirty, FetchStatus.UNUSABLE, CUSTOMERS_KEY, **about)

    def _result_of_archived(self, dirty: KeyToFetch) -> FetchResult:
        """Return the result for an archived object, which has a header but no content that can be read.

        It is UNCHANGED if the header has the row's etag. AWS does not document whether a conditional GET of an archived
        object gets a 304 or a 403; both lead to UNCHANGED. The error row of a new or changed object gets no etag, so
        that a later run reads the object.
        """
        try:
            head = self._within_timeout(partial(s3_client().head_object, Bucket=self._bucket, Key=dirty.key))
        except (ClientError, AnswerTimeoutError, *NO_ANSWER) as error:
            return FetchResult(
                dirty, FetchStatus.UNREAD, f"archived, and its header cannot be read ({type(error).__name__})"
            )
        if dirty.row_etag and head["ETag"].strip('"') == dirty.row_etag:
            return FetchResult(dirty, FetchStatus.UNCHANGED)
        storage = head.get("StorageClass", "an archive")
        reason = f"archived: its storage class is {storage}; restore it, then mark it with pomona backfill --prefix"
        return FetchResult(
            dirty, FetchStatus.UNUSABLE, reason, size=head["ContentLength"], last_modified=head["LastModified"]
        )


def _why_no_answer(error: Exception) -> str:
    return f"no answer from S3 {error if isinstance(error, AnswerTimeoutError) else f'({type(error).__name__})'}"
