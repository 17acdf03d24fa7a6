"""What CloudFormation would receive from a custom resource: a server that notes each answer."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer


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

    server = HTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/answer", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
