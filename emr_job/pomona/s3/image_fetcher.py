"""GET of one image: what S3 says of a key, told apart by what the run does about it."""

import functools
import os
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

import obstore
from botocore.exceptions import ClientError
from obstore.exceptions import BaseError, NotModifiedError

from pomona.s3.objects import NO_ANSWER, error_code, s3_client
from pomona.s3.read_ahead import ByteBudget

if TYPE_CHECKING:
    from obstore.store import S3Store

Result = TypeVar("Result")
NOT_MODIFIED = ("304", "NotModified")
# obstore reads '/a' and 'a/' as 'a', and refuses the others
NORMALISED = re.compile(r"^/|/$|//|(^|/)\.\.?(/|$)|[\x00-\x1f\x7f-\x9f]")


class Status(StrEnum):
    """What became of a key."""

    FOUND = "found"
    UNCHANGED = "unchanged"
    GONE = "gone"
    UNUSABLE = "unusable"
    UNREAD = "unread"


class Fallback(StrEnum):
    """Why boto3 was asked instead of obstore."""

    KEYS = "keys"
    """The key is one that obstore would normalise or refuse."""
    ERRORS = "errors"
    """obstore answered with an error."""


@dataclass(frozen=True, slots=True)
class KeyToFetch:
    """A key to look at, and what the table knows of it."""

    key: str
    etag: str | None
    """Of the row with features of the present backbone, if there is one: such an object need not be read again."""
    known: bool
    """Whether the table has a row of this key."""
    row_etag: str | None = None
    """Of the row, whatever its backbone."""
    row_error: str | None = None
    """Of the row, if it is an error of the present backbone."""
    ignored: bool = False
    """Whether its name says that it is no image: then it has no row, whatever the object is."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer for one key. `body` is set if FOUND, `reason` if UNUSABLE or UNREAD."""

    dirty: KeyToFetch
    status: Status
    reason: str = ""
    etag: str = ""
    size: int = 0
    last_modified: datetime | None = None
    body: bytes = b""
    retries: int = 0
    fallback: Fallback | None = None
    """Set if boto3 read the object, or learnt that it is unchanged, in obstore's place."""


@dataclass(frozen=True)
class Patience:
    """How long S3 is waited for, in seconds."""

    to_connect: float = 5
    to_read: float = 15
    """For the next bytes of an answer."""
    for_object: float = 60
    """For all of an object, by each of the two clients; by boto3 for its header and for its body."""


class LateError(Exception):
    """S3 has begun no answer, or has not finished it, in time."""


class ImageFetcher:
    """Reads images of one bucket. May be used by several threads.

    obstore answers for the many: it takes a twentieth of boto3's time. Whatever it cannot answer for sure, S3 is asked
    again through boto3, which tells S3's own error code: NoSuchKey, and not any 404, means that an object is gone.
    A body is read only when the budget has room for it, and whoever uses it gives that room back.
    """

    def __init__(self, bucket: str, max_bytes: int, budget: ByteBudget, patience: Patience = Patience()) -> None:
        self._bucket = bucket
        self._max_bytes = max_bytes
        self._budget = budget
        self._patience = patience
        self._store = image_store(bucket, os.environ.get("AWS_ENDPOINT_URL"), patience)

    def fetch(self, dirty: KeyToFetch) -> Fetched:
        """Look at the object; never raises for what S3 answers."""
        if dirty.ignored:
            return Fetched(dirty, Status.GONE)
        if NORMALISED.search(dirty.key):
            return self._ask_again(dirty, Fallback.KEYS)
        try:
            return self._ask(dirty)
        except NotModifiedError:
            return Fetched(dirty, Status.UNCHANGED)
        except (BaseError, OSError, ValueError):
            return self._ask_again(dirty, Fallback.ERRORS)

    def _ask(self, dirty: KeyToFetch) -> Fetched:
        options: Any = {"if_none_match": f'"{dirty.etag}"'} if dirty.etag else None
        answer = obstore.get(self._store, dirty.key, options=options)
        meta = answer.meta
        etag = (meta["e_tag"] or "").strip('"')
        return self._read(dirty, etag, meta["size"], meta["last_modified"], lambda: answer.bytes().to_bytes())

    def _ask_again(self, dirty: KeyToFetch, why: Fallback) -> Fetched:
        condition: Any = {"IfNoneMatch": f'"{dirty.etag}"'} if dirty.etag else {}
        try:
            answer = self._in_time(lambda: s3_client().get_object(Bucket=self._bucket, Key=dirty.key, **condition))
            etag, read = answer["ETag"].strip('"'), answer["Body"].read
            found = self._read(
                dirty, etag, answer["ContentLength"], answer["LastModified"], lambda: self._in_time(read)
            )
            if found.status != Status.FOUND:
                answer["Body"].close()
            return replace(found, fallback=why)
        except ClientError as error:
            if error_code(error) in NOT_MODIFIED:
                return Fetched(dirty, Status.UNCHANGED, fallback=why)
            return self._refused(dirty, error)
        except (LateError, *NO_ANSWER) as error:
            return Fetched(dirty, Status.UNREAD, _why_no_answer(error), retries=1)

    def _in_time(self, call: Callable[[], Result]) -> Result:
        return within(self._patience.for_object, call)

    def _read(self, dirty: KeyToFetch, etag: str, size: int, modified: datetime, read: Callable[[], bytes]) -> Fetched:
        if size == 0 and dirty.key.endswith("/"):
            return Fetched(dirty, Status.GONE)  # a folder's placeholder, as consoles and sync tools make them
        about = {"etag": etag, "size": size, "last_modified": modified}
        if size > self._max_bytes:
            reason = f"too large: {size:,} bytes is above the limit of {self._max_bytes:,}"
            return Fetched(dirty, Status.UNUSABLE, reason, **about)  # type: ignore[arg-type]
        self._budget.take(size)
        try:
            return Fetched(dirty, Status.FOUND, body=read(), **about)  # type: ignore[arg-type]
        except BaseException:
            self._budget.give_back(size)
            raise

    def _refused(self, dirty: KeyToFetch, error: ClientError) -> Fetched:
        code = error_code(error)
        if code == "NoSuchKey" or (code == "404" and self._is_not_listed(dirty.key)):
            return Fetched(dirty, Status.GONE)
        if code == "InvalidObjectState":
            return self._archived(dirty)
        retries = 1 + error.response["ResponseMetadata"].get("RetryAttempts", 0)
        return Fetched(dirty, Status.UNREAD, f"S3 says {code}", retries=retries)

    def _is_not_listed(self, key: str) -> bool:
        """A 404 whose XML quotes a key with control characters cannot be parsed: then the listing says what is gone."""
        try:
            listing = self._in_time(lambda: s3_client().list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1))
        except (ClientError, LateError, *NO_ANSWER):
            return False
        return all(entry["Key"] != key for entry in listing.get("Contents", []))

    def _archived(self, dirty: KeyToFetch) -> Fetched:
        """Return UNCHANGED if the object's header has the row's etag: an archived object has a header, but no content.

        AWS does not document whether a conditional GET of an archived object is answered by 304 or by 403; both lead to
        UNCHANGED. The error row of a new or changed object gets no etag, so that a later run reads the object.
        """
        try:
            head = self._in_time(lambda: s3_client().head_object(Bucket=self._bucket, Key=dirty.key))
        except (ClientError, LateError, *NO_ANSWER) as error:
            return Fetched(dirty, Status.UNREAD, f"archived, and its header cannot be read ({type(error).__name__})")
        if dirty.row_etag and head["ETag"].strip('"') == dirty.row_etag:
            return Fetched(dirty, Status.UNCHANGED)
        storage = head.get("StorageClass", "an archive")
        reason = f"archived: its storage class is {storage}; restore it, then mark it with pomona backfill --prefix"
        return Fetched(dirty, Status.UNUSABLE, reason, size=head["ContentLength"], last_modified=head["LastModified"])


def within(seconds: float, call: Callable[[], Result]) -> Result:
    """Return what `call` returns, or raise what it raises; LateError if that takes too long.

    The call is made in a thread of its own, which is left to itself when it is late: boto3's time-out starts again with
    every byte, and nothing ends a read that goes on.
    """
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, name="boto3", daemon=True).start()
    try:
        return outcome.result(seconds)
    except TimeoutError:
        if outcome.done():  # the call's own
            raise
        raise LateError(f"within {seconds:g} s") from None


def _why_no_answer(error: Exception) -> str:
    return f"no answer from S3 {error if isinstance(error, LateError) else f'({type(error).__name__})'}"


@functools.cache
def image_store(bucket: str, endpoint: str | None, patience: Patience) -> "S3Store":
    """obstore's client of this process, with boto3's chain of credentials: a job's role reaches a process through that.

    Its connections serve one task after the other.
    """
    from obstore.auth.boto3 import Boto3CredentialProvider
    from obstore.store import S3Store

    return S3Store(
        bucket,
        credential_provider=Boto3CredentialProvider(),
        client_options={
            "allow_http": bool(endpoint),
            "connect_timeout": timedelta(seconds=patience.to_connect),
            "read_timeout": timedelta(seconds=patience.to_read),
            "timeout": timedelta(seconds=patience.for_object),
        },
        retry_config={"max_retries": 4, "retry_timeout": timedelta(seconds=patience.for_object)},
        endpoint=endpoint,
    )
