"""What goes wrong between an operator and AWS, in a sentence that says what to do about it."""

import re
from dataclasses import dataclass

from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

from pomona_contract.errors import PomonaError
from pomona_intake.errors import TransientError, code_of, is_transient, status_of


class CliError(Exception):
    """Ends a command with status 1; its text is one or two sentences for the operator."""


@dataclass(frozen=True)
class Place:
    """Where a stack is looked for."""

    stack: str
    region: str
    endpoint: str | None

    def __str__(self) -> str:
        return f"region {self.region}" + (f" at {self.endpoint}" if self.endpoint else "")


_NO_CREDENTIALS = (
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.CredentialRetrievalError,
    aws.SSOError,
    aws.ProfileNotFound,
    aws.TokenRetrievalError,
)
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_UNKNOWN_KEY = {
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_REFUSED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403"}
_SIGN_IN = "Sign in again (aws sso login, AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)."
_NOW = "AWS could not answer: {}. Nothing is lost: do it again in a moment."
# the permission that an operation asks for, where it is not the service and the operation's own name
_ACTIONS = {
    "DeleteObjects": "s3:DeleteObject and s3:DeleteObjectVersion",
    "DescribeStacks": "cloudformation:DescribeStacks",
    "FilterLogEvents": "logs:FilterLogEvents",
    "DescribeLogStreams": "logs:DescribeLogStreams",
    "GetFunctionConfiguration": "lambda:GetFunctionConfiguration",
    "GetJobRun": "emr-serverless:GetJobRun",
    "GetTable": "glue:GetTable",
    "HeadObject": "s3:GetObject",
    "Invoke": "lambda:InvokeFunction",
    "ListJobRuns": "emr-serverless:ListJobRuns",
    "ListObjectVersions": "s3:ListBucketVersions",
    "ListObjectsV2": "s3:ListBucket",
}
_ACTION = re.compile(r"perform: ([\w-]+:\w+)(?: on resource: \"?([^\s\"]+))?")
_PAGE = re.compile(r"<(!doctype|html|head|body|h1|p)\b", re.IGNORECASE)
_SERVER_ERROR = 500
# what Arrow's S3 client says, which reads the table's files
_ARROW_REFUSED = re.compile(r"AWS Error ACCESS_DENIED during (\w+) operation")


def explain(error: Exception, place: Place) -> str | None:
    """The sentence for an error, None if it is none of those that an operator can do something about."""
    if isinstance(error, CliError):
        return str(error)
    if isinstance(error, TransientError):
        return _NOW.format(error)
    if isinstance(error, PomonaError):
        return str(error)
    if isinstance(error, _NO_CREDENTIALS):
        return f"There are no AWS credentials that can be used: {error}. {_SIGN_IN}"
    if isinstance(error, aws.ClientError):
        return _explain_answer(error, place)
    if isinstance(error, aws.InvalidRegionError):
        return f"{place.region!r} is no name of a region: check --region, AWS_REGION and AWS_DEFAULT_REGION."
    if isinstance(error, (aws.ConnectionError, aws.HTTPClientError)):
        return f"Nothing answers for {place}: {str(error).rstrip('.')}. Check --region, --endpoint-url and the network."
    if isinstance(error, ResponseParserError):
        return not_aws(place)
    if isinstance(error, OSError) and (refused := _ARROW_REFUSED.search(str(error))):
        return _missing_permission(_ACTIONS.get(refused[1], f"s3:{refused[1]}"), "the lake bucket", place)
    return None


def _explain_answer(error: aws.ClientError, place: Place) -> str:
    code, message = code_of(error), str(error.response.get("Error", {}).get("Message", ""))
    if _is_of_a_web_server(error, message, place):
        return not_aws(place)
    if code in _EXPIRED:
        return f"The AWS credentials have expired ({code}). {_SIGN_IN}"
    if code in _UNKNOWN_KEY:
        return f"AWS does not accept these credentials ({code}: {message}). {_SIGN_IN}"
    if code in _REFUSED:
        return _explain_refusal(error.operation_name, message, place)
    return _NOW.format(error) if is_transient(error) else f"{place}: {error}"


def _is_of_a_web_server(error: aws.ClientError, message: str, place: Place) -> bool:
    """Whether it is a page, or has no word of AWS's for what is wrong; AWS itself may fail without one."""
    failed = code_of(error).isdigit() and status_of(error) >= _SERVER_ERROR
    return code_of(error) in ("", "Unknown") or bool(_PAGE.search(message)) or (failed and place.endpoint is not None)


def not_aws(place: Place) -> str:
    """What to do about an answer that makes no sense."""
    return (
        f"What answers for {place} does not answer as AWS does. Check --endpoint-url and AWS_ENDPOINT_URL "
        "(on AWS: none; for the embedded AWS: the address that `make up` prints), and any proxy on the way."
    )


def _explain_refusal(operation: str, message: str, place: Place) -> str:
    said = _ACTION.search(message)
    action = said[1] if said else _ACTIONS.get(operation, operation)
    return _missing_permission(action, said[2] if said else None, place)


def _missing_permission(action: str, resource: str | None, place: Place) -> str:
    on = f" on {resource}" if resource else ""
    return f"These credentials may not {action}{on} ({place}). Ask for that permission, or use other credentials."
