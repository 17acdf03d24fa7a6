"""What can go wrong, sorted by what the caller does about it: give up, retry later, or step aside."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError, IncompleteReadError
from botocore.parsers import ResponseParserError

from pomona_contract.errors import PomonaError, TerminalError

_TRANSIENT_CODES = frozenset(
    {
        "InternalError",
        "InternalServerException",
        "InternalServiceException",
        "OperationAborted",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_CONFLICT_STATUS = 409
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500


class SettingsError(TerminalError):
    """An environment variable is missing or holds a value that is not allowed."""


class UnknownBatchError(TerminalError):
    """There is no failed batch of that id."""


class NotAnS3EventError(TerminalError):
    """A message of the queue is not a notification of S3."""


class ForeignBucketError(TerminalError):
    """A message names an object of another bucket than the images bucket."""


class RunRefusedError(TerminalError):
    """AWS will never start a run with these parameters; the next attempt builds them anew."""


class TransientError(PomonaError):
    """A service was throttled, unreachable or failing. Outcome unknown; the next scheduled invocation retries."""


class LostRaceError(PomonaError):
    """A conditional write failed because another caller is doing the work."""


class PreconditionFailedError(LostRaceError):
    """412. For a creation: the object exists. Otherwise: it has changed or is gone."""


class WriteConflictError(LostRaceError):
    """409, or 404 where an object was to be changed. Whether the object exists is unknown."""


def code_of(error: ClientError) -> str:
    """Return the service's error code, such as `NoSuchKey`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: ClientError) -> int:
    """Return the HTTP status of the answer, 0 if the error has none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_transient(error: ClientError) -> bool:
    """Return True if the same call may succeed later without any change."""
    status = status_of(error)
    return code_of(error) in _TRANSIENT_CODES or status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR


@contextmanager
def ignore_missing(code: str) -> Iterator[None]:
    """Suppress the error of this code, by which a service answers that the thing to delete does not exist.

    CloudFormation may repeat a request, so a deletion of what is gone is a success.
    """
    try:
        yield
    except ClientError as error:
        if code_of(error) != code:
            raise


@contextmanager
def transient_errors(doing: str) -> Iterator[None]:
    """Raise TransientError for errors that a retry may overcome; do not change any other error."""
    try:
        yield
    except (ConnectionError, HTTPClientError, IncompleteReadError, ResponseParserError) as error:
        raise TransientError(f"{doing}: {error}") from error
    except ClientError as error:
        if is_transient(error):
            raise TransientError(f"{doing}: {error}") from error
        raise


@contextmanager
def lost_races(doing: str) -> Iterator[None]:
    """Raise a LostRaceError for the answers that the loser of a conditional write gets."""
    try:
        with transient_errors(doing):
            yield
    except ClientError as error:
        if code_of(error) == "PreconditionFailed":
            raise PreconditionFailedError(f"{doing}: another caller was first") from error
        if status_of(error) == _CONFLICT_STATUS or code_of(error) == "NoSuchKey":
            raise WriteConflictError(f"{doing}: another caller was writing") from error
        raise
