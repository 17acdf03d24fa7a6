"""Start and stop the embedded AWS as a background process."""

import subprocess
import sys
import time
from pathlib import Path

from embedded_aws.proxies import exempt_from_proxies
from embedded_aws.repository import ROOT

START_TIMEOUT_SECONDS = 180
_POLL_SECONDS = 0.05


class StartError(Exception):
    """The embedded AWS did not start; the message holds its last line and names its log."""


def start_server(state: Path, host: str = "127.0.0.1", port: int = 0) -> subprocess.Popen[bytes]:
    """Start a server on a state folder. It survives this process and its terminal's Ctrl-C.

    Args:
        state: the folder.
        host: where it listens.
        port: the port; 0 is any free one.
    """
    exempt_from_proxies(host)  # the process that starts a server also connects to it
    state.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "embedded_aws", "serve", "--state", str(state), "--host", host]
    command += ["--port", str(port)]
    # its own log: a reader of this process's output must not wait for a server that stays up
    with (state / "serve.log").open("a") as log:
        return subprocess.Popen(
            command, cwd=ROOT, start_new_session=True, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )


def wait_for_endpoint(server: subprocess.Popen[bytes], state: Path) -> str:
    """Return the server's URL when it is ready; StartError if it does not get ready."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not _serves(server, state):
        if server.poll() is not None or time.monotonic() > deadline:
            said = (state / "serve.log").read_text().strip().splitlines() or ["it printed nothing"]
            raise StartError(f"the embedded AWS did not start: {said[-1]} (see {state / 'serve.log'})")
        time.sleep(_POLL_SECONDS)
    return (state / "endpoint").read_text().strip()


def _serves(server: subprocess.Popen[bytes], state: Path) -> bool:
    """Return True if this server has written the endpoint, and not another server on the same folder."""
    pid = state / "pid"
    return pid.exists() and pid.read_text() == str(server.pid) and (state / "endpoint").exists()


def stop(server: subprocess.Popen[bytes]) -> None:
    """Stop the server and every process that it started."""
    server.terminate()
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
