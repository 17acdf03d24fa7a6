"""What CloudFormation would receive from a custom resource: a server that notes each answer."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from tests.http_server import address, served


@contextmanager
def answering() -> Iterator[tuple[str, list[dict]]]:
    """The address of the server, and the answers so far."""
    received: list[dict] = []

    class Listener(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Not a word on the test's output."""

    with served(Listener) as server:
        yield f"{address(server)}/answer", received
