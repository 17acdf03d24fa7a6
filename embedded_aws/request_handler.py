"""How the server speaks HTTP: like AWS's, it keeps a connection for the next request."""

import io
import logging
import string

from werkzeug.datastructures import Headers
from werkzeug.exceptions import InternalServerError
from werkzeug.test import run_wsgi_app

from embedded_aws.moto_internals.application import MotoRequestHandler

_log = logging.getLogger(__name__)


class FramingError(ValueError):
    """A request does not say where its body ends, so nobody knows where the next one begins."""


class RequestHandler(MotoRequestHandler):  # type: ignore[misc]
    """Answers one request after the other on a connection, until the client closes it.

    werkzeug's handler closes the connection after each answer, so that each request has to connect and to start a
    thread.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and a small body leave together

    def handle_expect_100(self) -> bool:
        """Ask for the body at once: the client waits for that."""
        goes_on: bool = super().handle_expect_100()
        self.wfile.flush()
        return goes_on

    def run_wsgi(self) -> None:
        """Read the whole request, so that the next one begins where this one ends, and answer it."""
        try:
            body = self._read_body()
        except FramingError as error:
            self.send_error(400, str(error))  # closes the connection
            return
        self.environ = environ = self.make_environ()
        environ["wsgi.input"] = io.BytesIO(body)
        if environ.pop("HTTP_TRANSFER_ENCODING", None):
            environ["CONTENT_LENGTH"] = str(len(body))
        try:
            chunks, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
            str(headers).encode("latin-1")  # HTTP has no other letters
        except Exception:
            _log.exception("%s %s could not be answered", self.command, self.path)
            chunks, status, headers = run_wsgi_app(InternalServerError(), environ, buffered=True)
        self._answer(status, headers, b"".join(chunks))

    def _read_body(self) -> bytes:
        """Read the body as RFC 9112 (6.3) finds its end."""
        encoding, length = self.headers.get("Transfer-Encoding"), self.headers.get("Content-Length", "0")
        if encoding is None and length.isdecimal():
            return self._read(int(length))
        if encoding is not None and encoding.lower() == "chunked":
            return b"".join(iter(self._read_chunk, b""))
        raise FramingError(f"the end of the body is unknown: Transfer-Encoding {encoding}, Content-Length {length}")

    def _read_chunk(self) -> bytes:
        """Return the next chunk; the last one is empty, and fields may follow it, which nobody needs."""
        digits = self._line().partition(b";")[0].strip()
        if not digits or digits.strip(string.hexdigits.encode()):
            raise FramingError(f"{digits[:40]!r} is not the size of a chunk")
        chunk = self._read(int(digits, 16))
        while after := self._line():
            if chunk:
                raise FramingError(f"{after[:40]!r} follows a chunk")
        return chunk

    def _line(self) -> bytes:
        line: bytes = self.rfile.readline(65537)
        if not line.endswith(b"\n"):
            raise ConnectionAbortedError("the client has gone, or its line has no end")
        return line.strip()

    def _read(self, size: int) -> bytes:
        read: bytes = self.rfile.read(size)
        if len(read) < size:
            raise ConnectionAbortedError("the client has gone before it had sent its body")
        return read

    def _answer(self, status: str, headers: Headers, body: bytes) -> None:
        code, _, reason = status.partition(" ")
        has_body = self.command != "HEAD" and code not in {"204", "304"}
        if has_body:
            headers["Content-Length"] = str(len(body))
        if self.request_version != "HTTP/1.1":
            self.close_connection = True
        if self.close_connection:
            headers["Connection"] = "close"
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if has_body:
            self.wfile.write(body)
