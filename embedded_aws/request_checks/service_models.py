"""Validate every signed request by AWS's published model of its service, before the service gets it.

This covers every client: boto3, the AWS command line, the JVM's SDK, obstore. It does not cover what depends on a
service's state, such as whether a bucket exists.
"""

import io
import json
import logging
import uuid
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from botocore.exceptions import UnknownServiceError
from botocore.parsers import RpcV2CBORParser
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from embedded_aws.moto_internals.protocols import (
    PROTOCOL_PARSERS,
    ProtocolRequest,
    determine_request_protocol,
    get_service_model,
    get_service_router,
)
from embedded_aws.request_checks.constraints import violations

# signing name → botocore's name of the service, where they differ
_SERVICES = {"monitoring": "cloudwatch", "elasticmapreduce": "emr", "servicequotas": "service-quotas"}
# the error code of a service; all others use ValidationException
_CODES = {
    **dict.fromkeys(("cloudformation", "iam", "sts", "cloudwatch"), "ValidationError"),
    "logs": "InvalidParameterException",
    "s3": "InvalidArgument",
    "sns": "InvalidParameter",
    "sqs": "InvalidParameterValue",
}
_CBOR, _PATH = "application/cbor", "/operation/"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ParsedRequest:
    """A request, parsed by its service's model."""

    service: str
    operation: Any  # botocore's OperationModel
    parameters: dict[str, Any]

    def violations(self) -> list[str]:
        """Return a sentence for each constraint that the request breaks."""
        shape = self.operation.input_shape
        return list(violations(self.service, shape, self.parameters)) if shape else []


def model_violation(environ: dict[str, Any], signed_for: str) -> Response | None:
    """Return the error response to a request that violates its service's model; None if it is valid."""
    asked = read(environ, signed_for)
    found = asked.violations() if asked else []
    if asked is None or not found:
        return None
    message = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected: {'; '.join(found)}"
    _log.warning("%s.%s: %s", asked.service, asked.operation.name, message)
    return _answer(asked, message)


def read(environ: dict[str, Any], signed_for: str) -> ParsedRequest | None:
    """Parse a request by its service's model; None if there is no such service or operation.

    The body stays readable for the service. An object's bytes are not read.
    """
    service = _SERVICES.get(signed_for, signed_for)
    request = ProtocolRequest(environ)
    try:
        model = get_service_model(service)
        if request.content_type == _CBOR:
            return _read_cbor(service, model, request)
        protocol = determine_request_protocol(model, request.content_type)
        is_rest = protocol.startswith("rest")
        body = b"" if is_rest else _body(environ)  # the body may name the operation
        operation, labels = get_service_router(service).match(request)
    except (UnknownServiceError, NotFound):
        return None
    if is_rest and not _is_stream(operation):
        body = _body(environ)
    values = request.values if protocol == "query" else request.args
    _rewind(environ, body)
    parsed = PROTOCOL_PARSERS[protocol](operation).parse(
        {
            "method": request.method,
            "values": values,
            "headers": request.headers,
            "body": body,
            "url_path": request.path,
            "url_params": labels,
        }
    )
    # moto parses a list that is not in the query string as an empty list
    absent = {name for name, value in parsed.items() if value == [] and _in_query(operation.input_shape.members[name])}
    return ParsedRequest(service, operation, {name: value for name, value in parsed.items() if name not in absent})


def _read_cbor(service: str, model: Any, request: ProtocolRequest) -> ParsedRequest:
    body = _body(request.environ)
    parameters = RpcV2CBORParser().parse_data_item(io.BufferedReader(io.BytesIO(body))) if body else {}
    return ParsedRequest(service, model.operation_model(request.path.rpartition(_PATH)[2]), parameters)


def _is_stream(operation: Any) -> bool:
    """Return True if the body is bytes without constraints: an object, a function's payload."""
    shape = operation.input_shape
    payload = shape.serialization.get("payload") if shape else None
    return bool(payload) and shape.members[payload].type_name == "blob"


def _in_query(shape: Any) -> bool:
    return bool(shape.serialization.get("location") == "querystring")


def _body(environ: dict[str, Any]) -> bytes:
    body = bytes(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    _rewind(environ, body)
    return body


def _rewind(environ: dict[str, Any], body: bytes) -> None:
    if body:
        environ["wsgi.input"] = io.BytesIO(body)


def _answer(asked: ParsedRequest, message: str) -> Response:
    """Return an error in the protocol of the service."""
    code, protocol = _CODES.get(asked.service, "ValidationException"), asked.operation.service_model.protocol
    if protocol == "rest-xml":
        text = f"<Code>{code}</Code><Message>{escape(message)}</Message><RequestId>{uuid.uuid4()}</RequestId>"
        return Response(f"<Error>{text}</Error>", 400, mimetype="application/xml")
    if protocol == "query":
        text = f"<Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message>"
        return Response(f"<ErrorResponse><Error>{text}</Error></ErrorResponse>", 400, mimetype="text/xml")
    body = json.dumps({"__type": code, "message": message, "Message": message})
    return Response(body, 400, {"x-amzn-ErrorType": code}, mimetype="application/x-amz-json-1.1")
