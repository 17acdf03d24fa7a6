"""How the server speaks HTTP: like AWS's, it keeps a connection for the next request."""

import io
import logging

from werkzeug.datastructures import Headers
from werkzeug.exceptions import ClientDisconnected, InternalServerError
from werkzeug.test import run_wsgi_app
from werkzeug.wsgi import get_input_stream

from embedded_aws.moto_internals.application import MotoRequestHandler

_log = logging.getLogger(__name__)


class RequestHandler(MotoRequestHandler):  # type: ignore[misc]
    """Answers one request after the other on a connection, until the client closes it.

    werkzeug's own closes the connection after each answer, so that each request has to connect and to start a thread.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer leaves in one piece

    def handle_expect_100(self) -> bool:
        """Ask for the body at once: the client waits for that."""
        goes_on: bool = super().handle_expect_100()
        self.wfile.flush()
        return goes_on

    def run_wsgi(self) -> None:
        """Read the whole request, so that the next one begins where this one ends, and answer it."""
        self.environ = environ = self.make_environ()
        try:
            body = get_input_stream(environ).read()
        except ClientDisconnected:
            self.close_connection = True
            return
        environ |= {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True}
        try:
            chunks, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        except Exception:
            _log.exception("%s %s could not be answered", self.command, self.path)
            chunks, status, headers = run_wsgi_app(InternalServerError(), environ, buffered=True)
        self._answer(status, headers, b"".join(chunks))

    def _answer(self, status: str, headers: Headers, body: bytes) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        has_body = self.command != "HEAD" and code not in {"204", "304"}
        if has_body and "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if has_body:
            self.wfile.write(body)
