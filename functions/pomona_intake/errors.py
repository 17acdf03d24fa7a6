"""What can go wrong, sorted by what the caller does about it: give up, try again later, or step aside."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError, IncompleteReadError
from botocore.parsers import ResponseParserError

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


class IntakeError(Exception):
    """Base of all errors of the intake."""


class TerminalError(IntakeError):
    """Trying again does not help: somebody has to change something first."""


class SettingsError(TerminalError):
    """A variable of the environment is missing or holds what it may not hold."""


class FormatError(TerminalError):
    """A document in the lake cannot be read, or has a format that this release does not know."""


class UnknownBatchError(TerminalError):
    """There is no failed batch of that name."""


class NotAnS3EventError(TerminalError):
    """A message of the queue is not a notification of S3."""


class ForeignBucketError(TerminalError):
    """A message tells of an object of a bucket that is not the images bucket."""


class RunRefusedError(TerminalError):
    """EMR Serverless will never start a run with these parameters; another attempt builds them anew."""


class TransientError(IntakeError):
    """A service was throttled, unreachable or failing: nothing is known, the clock comes again."""


class LostRaceError(IntakeError):
    """A conditional write lost: somebody else is doing the work."""


class PreconditionFailedError(LostRaceError):
    """412: for a creation, the object exists; otherwise it has changed or is gone."""


class WriteConflictError(LostRaceError):
    """409, or 404 where an object was to be changed: whether the object exists is not known."""


def code_of(error: ClientError) -> str:
    """The service's error code, such as `NoSuchKey`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: ClientError) -> int:
    """The HTTP status of the answer, 0 if the error carries none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_transient(error: ClientError) -> bool:
    """Whether the same call may succeed later without anybody changing anything."""
    status = status_of(error)
    return code_of(error) in _TRANSIENT_CODES or status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR


@contextmanager
def already_gone(code: str) -> Iterator[None]:
    """Take the answer that what is to be deleted does not exist for a success: the request is a repeated one."""
    try:
        yield
    except ClientError as error:
        if code_of(error) != code:
            raise


@contextmanager
def transient_errors(doing: str) -> Iterator[None]:
    """Raise TransientError for what passes by itself; let every other error through unchanged."""
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
    """Raise a LostRaceError for the answers that a conditional write gives a loser."""
    try:
        with transient_errors(doing):
            yield
    except ClientError as error:
        if code_of(error) == "PreconditionFailed":
            raise PreconditionFailedError(f"{doing}: somebody else was first") from error
        if status_of(error) == _CONFLICT_STATUS or code_of(error) == "NoSuchKey":
            raise WriteConflictError(f"{doing}: somebody else was writing") from error
        raise
