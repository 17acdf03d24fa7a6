"""An HTTP server of the tests' own, for the time of a block."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[ThreadingHTTPServer]:
    """Serve on a free port of the loopback address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        # the default is to look for a shutdown every half second, which is how long each block would take to end
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def address(server: ThreadingHTTPServer) -> str:
    """Return the server's address, without a path."""
    return f"http://127.0.0.1:{server.server_port}"
