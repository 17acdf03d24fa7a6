"""Messages for errors of AWS: what went wrong, and what the operator can do about it."""

import re

from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

from pomona_cli.errors import CliError
from pomona_cli.stack.location import StackLocation
from pomona_contract.errors import PomonaError
from pomona_intake.errors import TransientError, code_of, is_transient, status_of

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
_TRY_AGAIN = "AWS could not answer: {}. Nothing is lost: run the command again in a moment."
# the permissions of operations whose names differ from them
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
# the message of Arrow's S3 client, which reads the table's files
_ARROW_REFUSED = re.compile(r"AWS Error ACCESS_DENIED during (\w+) operation")


def explain(error: Exception, location: StackLocation) -> str | None:
    """Return the message for an error, None if it is a fault of the program."""
    if isinstance(error, CliError):
        return str(error)
    if isinstance(error, TransientError):
        return _TRY_AGAIN.format(error)
    if isinstance(error, PomonaError):
        return str(error)
    if isinstance(error, _NO_CREDENTIALS):
        return f"No usable AWS credentials were found: {error}. {_SIGN_IN}"
    if isinstance(error, aws.ClientError):
        return _explain_answer(error, location)
    if isinstance(error, (aws.ConnectionError, aws.HTTPClientError)):
        reason = str(error).rstrip(".")
        return f"No server answers in {location}: {reason}. Check --region, --endpoint-url and the network."
    if isinstance(error, ResponseParserError):
        return not_aws(location)
    if isinstance(error, OSError) and (refused := _ARROW_REFUSED.search(str(error))):
        return _missing_permission(_ACTIONS.get(refused[1], f"s3:{refused[1]}"), "the lake bucket", location)
    return None


def _explain_answer(error: aws.ClientError, location: StackLocation) -> str:
    code, message = code_of(error), str(error.response.get("Error", {}).get("Message", ""))
    if _is_from_another_server(error, message, location):
        return not_aws(location)
    if code in _EXPIRED:
        return f"The AWS credentials have expired ({code}). {_SIGN_IN}"
    if code in _UNKNOWN_KEY:
        return f"AWS does not accept these credentials ({code}: {message}). {_SIGN_IN}"
    if code in _REFUSED:
        return _explain_refusal(error.operation_name, message, location)
    return _TRY_AGAIN.format(error) if is_transient(error) else f"{location}: {error}"


def _is_from_another_server(error: aws.ClientError, message: str, location: StackLocation) -> bool:
    """Return whether the response is a web page or lacks an AWS error code; AWS itself omits it in some 5xx."""
    failed = code_of(error).isdigit() and status_of(error) >= _SERVER_ERROR
    return (
        code_of(error) in ("", "Unknown") or bool(_PAGE.search(message)) or (failed and location.endpoint is not None)
    )


def not_aws(location: StackLocation) -> str:
    """Return the message for a response that no AWS service gives."""
    return (
        f"The server in {location} does not answer as AWS does. Check --endpoint-url and AWS_ENDPOINT_URL "
        "(on AWS: not set; for the embedded AWS: the address that `make up` prints) and the proxy."
    )


def _explain_refusal(operation: str, message: str, location: StackLocation) -> str:
    named = _ACTION.search(message)
    action = named[1] if named else _ACTIONS.get(operation, operation)
    return _missing_permission(action, named[2] if named else None, location)


def _missing_permission(action: str, resource: str | None, location: StackLocation) -> str:
    on = f" on {resource}" if resource else ""
    return f"These credentials may not {action}{on} ({location}). Ask for that permission, or use other credentials."
