"""What a function URL makes of an HTTP request and of a function's result: payload format 2.0.

Lambda Developer Guide, "Invoking Lambda function URLs" (request and response payloads). The guide does not list the
content types whose bodies are text; ministackorg/ministack #766 found them on AWS.
"""

import base64
import json
import time
import uuid
from typing import Any

from werkzeug.wrappers import Request, Response

PAYLOAD_LIMIT_BYTES = 6 * 1024 * 1024
"""Of an event, and of a result: Lambda quotas, "Invocation payload"."""
_TEXT_TYPES = ("application/json", "application/javascript", "application/xml")


def url_event(request: Request, url_id: str, account: str, iam: dict[str, str] | None) -> dict[str, Any]:
    """Return the event for a request.

    Args:
        request: its body must have been read, or be readable.
        url_id: the first part of the URL's domain on AWS.
        account: of the function.
        iam: who signed the request; None if the URL asks for no signature.
    """
    path, _, query = str(request.environ.get("RAW_URI") or request.full_path).partition("?")
    context = _request_context(request, path, url_id, account if iam else "anonymous")
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {name.lower(): value for name, value in request.headers if name.lower() != "cookie"},
        "requestContext": context | ({"authorizer": {"iam": iam}} if iam else {}),
        **_body(request),
    }
    if cookies := request.headers.get("Cookie"):
        event["cookies"] = cookies.split("; ")
    if request.args:
        event["queryStringParameters"] = {name: ",".join(values) for name, values in request.args.lists()}
    return event


def _request_context(request: Request, path: str, url_id: str, account: str) -> dict[str, Any]:
    now = time.time()
    return {
        "accountId": account,
        "apiId": url_id,
        "domainName": request.host,
        "domainPrefix": url_id,
        "http": {
            "method": request.method,
            "path": path,
            "protocol": request.environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
            "sourceIp": request.remote_addr or "",
            "userAgent": request.user_agent.string,
        },
        "requestId": str(uuid.uuid4()),
        "routeKey": "$default",
        "stage": "$default",
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "timeEpoch": int(now * 1000),
    }


def _body(request: Request) -> dict[str, Any]:
    body = request.get_data()
    if not body:
        return {"isBase64Encoded": False}
    kind = request.mimetype
    if kind.startswith("text/") or kind in _TEXT_TYPES:
        return {"body": body.decode("utf-8", "replace"), "isBase64Encoded": False}
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def url_response(payload: bytes) -> Response:
    """Return the response that a function's result stands for; 502 for a result that stands for none."""
    if len(payload) > PAYLOAD_LIMIT_BYTES:
        return message(502, "Internal Server Error")
    result = json.loads(payload)
    if not isinstance(result, dict) or "statusCode" not in result:
        text = result if isinstance(result, str) else json.dumps(result)
        return Response(text, 200, content_type="application/json")
    try:
        return _formatted(result)
    except (TypeError, ValueError, AttributeError):
        return message(502, "Internal Server Error")


def _formatted(result: dict[str, Any]) -> Response:
    body = result.get("body") or ""
    content = base64.b64decode(body) if result.get("isBase64Encoded") else body
    response = Response(content, int(result["statusCode"]), content_type="application/json")
    for name, value in (result.get("headers") or {}).items():
        response.headers[name] = str(value)
    for cookie in result.get("cookies") or ():
        response.headers.add("Set-Cookie", cookie)
    return response


def message(status: int, text: str) -> Response:
    """Return an answer that is Lambda's own and not the function's; AWS documents its status alone."""
    return Response(json.dumps({"message": text}), status, content_type="application/json")
