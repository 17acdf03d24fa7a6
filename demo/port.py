"""The port of `make up`: the same at every start, so that the lines that were exported stay right."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

_FILE = "port"
_HOST = "127.0.0.1"


def kept_port(state: Path) -> int | None:
    """Return the port of the last start; None at the first start."""
    try:
        return int((state / _FILE).read_text())
    except (FileNotFoundError, ValueError):
        return None


def keep_port(state: Path, endpoint: str) -> None:
    """Keep the port of this address for the next start."""
    (state / _FILE).write_text(str(urlsplit(endpoint).port))


def is_free(port: int) -> bool:
    """Return True if a server can listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server: a closed connection is no obstacle
        try:
            probe.bind((_HOST, port))
        except (OSError, OverflowError):
            return False
    return True
