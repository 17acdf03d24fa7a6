"""Check every request of a role or a user against its policies as they are deployed.

moto's own check evaluates neither resources nor conditions. A request with any other access key is the administrator's.
Signatures are not verified: the embedded AWS tests permissions, not secrets.
"""

import io
import json
import logging
import threading
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.iam.actions import calls_of
from embedded_aws.iam.api_request import ApiRequest
from embedded_aws.iam.policies import Call, Statement, allowed, statements_of
from embedded_aws.iam.s3_actions import BucketFacts
from embedded_aws.moto_internals.iam import iam_backends, sts_backends
from embedded_aws.moto_internals.s3 import s3_backends

_ALWAYS_ALLOWED = "sts:GetCallerIdentity"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Principal:
    """A role in a session, or a user, with the statements of its policies."""

    arn: str
    name: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True)
class _Credentials:
    key_id: str
    token: str
    service: str
    region: str


class UnknownTokenError(Exception):
    """The session token is not from an AssumeRole of this server."""


class Gate:
    """Refuses requests, and writes each distinct call of each principal to a file, one a line."""

    def __init__(self, record: Path) -> None:
        self._record = record
        self._seen: set[tuple[str, Call]] = set()
        self._lock = threading.Lock()

    def refusal(self, environ: dict[str, Any]) -> Response | None:
        """Return the response to a request that is not allowed; None if it is allowed."""
        query = _query(environ)
        credentials = _credentials(environ.get("HTTP_AUTHORIZATION", ""), environ, query)
        if credentials is None:
            return None
        try:
            principal = _principal(credentials)
        except UnknownTokenError:
            return _refuse(credentials.service, environ, "InvalidClientTokenId", "The security token is invalid.")
        if principal is None:
            return None
        request = _api_request(environ, credentials, query)
        refused = self._refused(principal, calls_of(request, _bucket_of))
        if refused is None:
            return None
        message = _sentence(principal, refused)
        _log.warning(message)
        return _refuse(credentials.service, environ, "AccessDenied", message)

    def check(self, role_arn: str, calls: Iterable[Call]) -> str:
        """Check calls that a service makes in a role inside this process; return why not, empty if they are allowed."""
        principal = _role(role_arn, "service")
        refused = self._refused(principal, list(calls))
        return _sentence(principal, refused) if refused else ""

    def admit_to_url(
        self, environ: dict[str, Any], auth_type: str, function_arn: str, policy: Iterable[Statement]
    ) -> dict[str, str] | None:
        """Return who may invoke a function by its URL: empty for everybody, None for a request that is refused.

        Since October 2025 both actions are needed (Lambda Developer Guide, "Control access to Lambda function URLs").

        Args:
            auth_type: AWS_IAM or NONE.
            policy: the statements of the function's resource policy.
        """
        calls = [
            Call("lambda:InvokeFunctionUrl", function_arn, (("lambda:functionurlauthtype", auth_type),)),
            Call("lambda:InvokeFunction", function_arn, (("lambda:invokedviafunctionurl", "true"),)),
        ]
        statements = tuple(policy)
        if auth_type == "NONE":
            return {} if all(allowed(statements, call) for call in calls) else None
        credentials = _credentials(environ.get("HTTP_AUTHORIZATION", ""), environ, _query(environ))
        if credentials is None or credentials.service != "lambda":
            return None
        try:
            principal = _principal(credentials)
        except UnknownTokenError:
            return None
        if principal is None:
            return {"accessKey": credentials.key_id, "userArn": f"arn:aws:iam::{ACCOUNT_ID}:root"}
        for call in calls:
            self._write_down(principal.name, call)
        together = (*principal.statements, *statements)
        if all(allowed(together, call, principal.arn) for call in calls):
            return {"accessKey": credentials.key_id, "userArn": principal.arn}
        return None

    def _refused(self, principal: Principal, calls: list[Call]) -> Call | None:
        """Return the first call that is not allowed."""
        if not calls:
            return Call("?", "?")
        for call in calls:
            self._write_down(principal.name, call)
            if call.action != _ALWAYS_ALLOWED and not allowed(principal.statements, call):
                return call
        return None

    def _write_down(self, name: str, call: Call) -> None:
        with self._lock:
            if (name, call) in self._seen:
                return
            self._seen.add((name, call))
            line = {"principal": name, "action": call.action, "resource": call.resource, "context": dict(call.context)}
            with self._record.open("a") as record:
                record.write(json.dumps(line) + "\n")


def signed_for(environ: dict[str, Any]) -> str:
    """Return the service that a request is signed for; empty if it is not signed."""
    credentials = _credentials(environ.get("HTTP_AUTHORIZATION", ""), environ, _query(environ))
    return credentials.service if credentials else ""


def _query(environ: dict[str, Any]) -> dict[str, str]:
    return dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))


def refused_trust(role_arn: str, service: str, source_arn: str) -> str:
    """Return why the role's trust policy does not let a service assume it; empty if it does."""
    context = (("aws:sourceaccount", ACCOUNT_ID), ("aws:sourcearn", source_arn))
    role = _find_role(role_arn)
    trust = statements_of(_text(role.assume_role_policy_document)) if role else ()
    if allowed(trust, Call("sts:AssumeRole", role_arn, context), service):
        return ""
    return f"The role {role_arn} cannot be assumed by {service}: its trust policy does not allow it."


def _credentials(authorization: str, environ: dict[str, Any], query: dict[str, str]) -> _Credentials | None:
    """Return who signed a request and for which service; None if it is not signed."""
    scope = authorization.partition("Credential=")[2].partition(",")[0] or query.get("X-Amz-Credential", "")
    token = environ.get("HTTP_X_AMZ_SECURITY_TOKEN") or query.get("X-Amz-Security-Token", "")
    if scope.count("/") < 4:
        return None
    key_id, _, region, service, _ = scope.rsplit("/", 4)
    return _Credentials(key_id, token, service.lower(), region)


def _principal(credentials: _Credentials) -> Principal | None:
    """Return the principal; None for the administrator; UnknownTokenError for an unknown session."""
    if credentials.token:
        role = sts_backends[ACCOUNT_ID]["aws"].get_assumed_role_from_access_key(credentials.key_id)
        if role is None or role.session_token != credentials.token:
            raise UnknownTokenError
        return _role(role.role_arn, role.session_name)
    for user in list(iam_backends[ACCOUNT_ID]["aws"].users.values()):
        if any(key.access_key_id == credentials.key_id for key in user.access_keys):
            return Principal(user.arn, user.name, tuple(_attached(user)))
    return None


def _role(role_arn: str, session: str) -> Principal:
    name = role_arn.rpartition("/")[2]
    role = _find_role(role_arn)
    arn = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{name}/{session}"
    return Principal(arn, name, tuple(_attached(role)) if role else ())


def _find_role(role_arn: str) -> Any:
    return next((one for one in list(iam_backends[ACCOUNT_ID]["aws"].roles.values()) if one.arn == role_arn), None)


def _attached(owner: Any) -> Iterator[Statement]:
    inline = owner.policies.values() if isinstance(owner.policies, dict) else owner.policies
    for policy in list(inline):
        yield from statements_of(_text(policy))
    for policy in list(owner.managed_policies.values()):
        (current,) = (one for one in policy.versions if one.version_id == policy.default_version_id)
        yield from statements_of(_text(current.document))


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


def _bucket_of(name: str) -> BucketFacts:
    bucket = s3_backends[ACCOUNT_ID]["aws"].buckets.get(name)
    if bucket is None:
        return BucketFacts()
    rule = (bucket.encryption or {}).get("Rule", {}).get("ApplyServerSideEncryptionByDefault", {})
    key = rule.get("KMSMasterKeyID", "") if rule.get("SSEAlgorithm") == "aws:kms" else ""
    return BucketFacts(lambda wanted: wanted in bucket.keys, key)


def _api_request(environ: dict[str, Any], credentials: _Credentials, query: dict[str, str]) -> ApiRequest:
    path = unquote(str(environ.get("RAW_URI") or environ["PATH_INFO"]).partition("?")[0])
    headers = {name[5:].replace("_", "-").lower(): str(text) for name, text in environ.items() if name[:5] == "HTTP_"}
    return ApiRequest(
        service=credentials.service,
        region=credentials.region,
        method=environ["REQUEST_METHOD"],
        path=path,
        query=query,
        headers=headers,
        body=_body(environ) if environ["REQUEST_METHOD"] == "POST" else b"",
    )


def _body(environ: dict[str, Any]) -> bytes:
    """Return the body, and leave it readable for the service."""
    body = bytes(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _sentence(principal: Principal, refused: Call) -> str:
    return (
        f"User: {principal.arn} is not authorized to perform: {refused.action} on resource: {refused.resource} "
        "because no identity-based policy allows it"
    )


def _refuse(service: str, environ: dict[str, Any], code: str, message: str) -> Response:
    """Return an error in the protocol of the service."""
    if service == "s3":
        body = f"<Code>{code}</Code><Message>{escape(message)}</Message><RequestId>{uuid.uuid4()}</RequestId>"
        return Response(f"<Error>{body}</Error>", 403, mimetype="application/xml")
    if environ.get("HTTP_X_AMZ_TARGET") or "json" in environ.get("CONTENT_TYPE", "") or environ["PATH_INFO"] != "/":
        kind = "AccessDeniedException" if code == "AccessDenied" else code
        body = json.dumps({"__type": kind, "message": message, "Message": message})
        status = 400 if environ.get("HTTP_X_AMZ_TARGET") else 403
        return Response(body, status, {"x-amzn-ErrorType": kind}, mimetype="application/x-amz-json-1.1")
    error = f"<Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message>"
    return Response(f"<ErrorResponse><Error>{error}</Error></ErrorResponse>", 403, mimetype="text/xml")
