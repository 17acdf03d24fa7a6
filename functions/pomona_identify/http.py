"""The function's URL: a request in Lambda's payload format 2.0 becomes a page, an answer, or an error in JSON.

Lambda Developer Guide, "Invoking Lambda function URLs". No answer has an Access-Control header, so the pages of other
origins can ask nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pomona_identify.answers import ErrorAnswer, Identify
from pomona_identify.errors import ForbiddenError, MediaTypeError, RefusedError
from pomona_identify.page import page
from pomona_identify.questions import Question, SentImage, StoredImage, decoded, question_of

JSON, BINARY = "application/json", "application/octet-stream"
METHODS = "GET, HEAD, POST"
RETRY_AFTER_SECONDS = 3
_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
_NOTHING_MAY_RUN = "default-src 'none'; frame-ancestors 'none'"


def is_request(event: object) -> bool:
    """Return True for an event of the function's URL."""
    context = event.get("requestContext") if isinstance(event, Mapping) else None
    return isinstance(context, Mapping) and "http" in context


@dataclass(frozen=True)
class HttpService:
    """Answers the requests of the function's URL.

    is_public  everybody may send requests
    """

    identify: Identify
    is_public: bool

    def respond(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return the response to a request, as Lambda takes it."""
        method, path = event["requestContext"]["http"]["method"], event.get("rawPath") or "/"
        if path != "/":
            return _error(ErrorAnswer(404, "There is nothing here: the address of the page ends with the first slash."))
        if method in ("GET", "HEAD"):
            shown = page()
            headers = {"content-type": "text/html; charset=utf-8", "content-security-policy": shown.policy}
            return _response(200, headers, shown.html if method == "GET" else "")
        if method != "POST":
            return _error(ErrorAnswer(405, "Send a picture with POST."), {"allow": METHODS})
        return _json(self.identify.answer(lambda: self._question(event)))

    def _question(self, event: Mapping[str, Any]) -> Question:
        headers = {name.lower(): text for name, text in (event.get("headers") or {}).items()}
        content_type = headers.get("content-type", BINARY).partition(";")[0].strip().lower()
        body = event.get("body") or ""
        content = decoded(body) if event.get("isBase64Encoded") else body.encode()
        if content_type == JSON:
            return self._checked(question_of(_document(content)))
        if content_type != BINARY and not content_type.startswith("image/"):
            raise MediaTypeError(f"the content type must be {BINARY}, image/... or {JSON}, not {content_type[:100]}")
        if not content:
            raise RefusedError("the body is empty: send the file of a picture")
        return Question(SentImage(content), (event.get("queryStringParameters") or {}).get("thumbnails") == "1")

    def _checked(self, question: Question) -> Question:
        """Refuse a question about an object of the bucket, if it may be anybody's.

        The answers would tell which keys there are, and what each image shows that nobody meant to publish.
        """
        if self.is_public and isinstance(question.image, StoredImage):
            raise ForbiddenError("bucket and key are not taken here, where everybody may ask: invoke the function")
        return question


def _document(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise RefusedError("the body is not JSON") from None


def _json(answer: Mapping[str, Any]) -> dict[str, Any]:
    headers = {"retry-after": str(RETRY_AFTER_SECONDS)} if answer.get("retry") else {}
    return _response(answer.get("status", 200), _json_headers() | headers, json.dumps(answer))


def _error(answer: ErrorAnswer, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    return _response(answer.status, _json_headers() | dict(headers or {}), json.dumps(answer.document()))


def _json_headers() -> dict[str, str]:
    return {"content-type": JSON, "content-security-policy": _NOTHING_MAY_RUN}


def _response(status: int, headers: Mapping[str, str], body: str) -> dict[str, Any]:
    return {"statusCode": status, "headers": {**_HEADERS, **headers}, "body": body, "isBase64Encoded": False}
