"""Function URLs: each is an HTTP server on a port of its own, which it keeps from one start to the next.

On AWS each has a domain of its own. A name below localhost would do here too, but not every client resolves one.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any
from uuid import uuid4

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.iam.enforcement import Gate
from embedded_aws.lambda_service.runtime import InvocationResult, ThrottledError
from embedded_aws.lambda_service.url_payloads import PAYLOAD_LIMIT_BYTES, message, url_event, url_response
from embedded_aws.store import Store

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_MOST_DRAINED_BYTES = 64 * 1024 * 1024
_CHUNK_BYTES = 1 << 16
_log = logging.getLogger(__name__)


class _SilentHandler(WSGIRequestHandler):
    """Logs no request: a URL is asked by browsers, often."""

    def log_request(self, *_: Any) -> None:
        pass


class FunctionUrls:
    """The URLs of all functions, by region and name."""

    def __init__(self, host: str, reachable: str, store: Store, gate: Gate) -> None:
        """`reachable` is the address under which `host` is reached."""
        self._host = host
        self._reachable = reachable
        self._store = store
        self._gate = gate
        self._servers: dict[tuple[str, str], BaseWSGIServer] = {}

    def open(
        self, region: str, name: str, function: Callable[[], Any], invoke: Callable[[Any, Any], InvocationResult]
    ) -> str:
        """Serve a function and return its URL: the one that it had before, if its port is free."""
        url_id, port = self._kept(region, name)
        server = self._listen(port, self._application(url_id, function, invoke))
        self._servers[region, name] = server
        self._store.write(
            "INSERT OR REPLACE INTO function_urls VALUES (?, ?, ?, ?)", region, name, url_id, server.server_port
        )
        threading.Thread(target=server.serve_forever, name=f"url {name}", daemon=True).start()
        return f"http://{self._reachable}:{server.server_port}/"

    def close(self, region: str, name: str) -> None:
        """End the URL of a function, if it has one; a new one gets another address, as on AWS."""
        if server := self._servers.pop((region, name), None):
            server.shutdown()
            server.server_close()
        self._store.write("DELETE FROM function_urls WHERE region = ? AND function = ?", region, name)

    def _kept(self, region: str, name: str) -> tuple[str, int]:
        rows = self._store.read("SELECT id, port FROM function_urls WHERE region = ? AND function = ?", region, name)
        return (str(rows[0][0]), int(rows[0][1])) if rows else (uuid4().hex, 0)

    def _listen(self, port: int, application: WSGI) -> BaseWSGIServer:
        try:
            return make_server(self._host, port, application, threaded=True, request_handler=_SilentHandler)
        except (OSError, SystemExit):  # werkzeug ends the process if the port is taken
            _log.warning("port %d of a function URL is taken by another process: its address is a new one", port)
            return make_server(self._host, 0, application, threaded=True, request_handler=_SilentHandler)

    def _application(
        self, url_id: str, function: Callable[[], Any], invoke: Callable[[Any, Any], InvocationResult]
    ) -> WSGI:
        def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            return self._respond(Request(environ), url_id, function(), invoke)(environ, start_response)

        return application

    def _respond(
        self, request: Request, url_id: str, function: Any, invoke: Callable[[Any, Any], InvocationResult]
    ) -> Response:
        auth_type = function.url_config.config["AuthType"]
        admitted = self._gate.admit_to_url(
            request.environ, auth_type, function.function_arn, function.policy.statements if function.policy else ()
        )
        if admitted is None:
            _drain(request)
            # the guide says 403; the body is that of AWS (ministack's front end for function URLs has it too)
            return Response('{"Message":"Forbidden"}', 403, content_type="application/json")
        if (request.content_length or 0) > PAYLOAD_LIMIT_BYTES:
            _drain(request)
            return message(413, "Request Entity Too Large")
        event = url_event(request, url_id, ACCOUNT_ID, admitted or None)
        if len(json.dumps(event)) > PAYLOAD_LIMIT_BYTES:
            return message(413, "Request Entity Too Large")
        try:
            result = invoke(function, event)
        except ThrottledError:
            return message(429, "Too Many Requests")
        return message(502, "Internal Server Error") if result.failed else url_response(result.payload)


def _drain(request: Request) -> None:
    """Read what is being sent: a client that still sends would see a broken connection instead of the answer."""
    left = min(request.content_length or 0, _MOST_DRAINED_BYTES)
    while left > 0 and (part := request.environ["wsgi.input"].read(min(left, _CHUNK_BYTES))):
        left -= len(part)
