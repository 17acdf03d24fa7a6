"""Starts and stops the embedded AWS as a process of its own, beside the one that works with it."""

import subprocess
import sys
import time
from pathlib import Path

from demo.deploy import ROOT
from embedded_aws.proxies import exempt_from_proxies

START_TIMEOUT_SECONDS = 180


class StartError(Exception):
    """The embedded AWS did not start; the text says where it says why."""


def start_server(state: Path, host: str = "127.0.0.1") -> subprocess.Popen[bytes]:
    """A server over the state folder, on a free port, that does not end with this process or its terminal's Ctrl-C."""
    exempt_from_proxies(host)  # who starts a server also speaks to it
    state.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "embedded_aws", "serve", "--state", str(state), "--host", host]
    # a log of its own: whoever reads our output to its end must not wait for a server that is kept
    with (state / "serve.log").open("a") as log:
        return subprocess.Popen(
            command, cwd=ROOT, start_new_session=True, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )


def wait_for_endpoint(server: subprocess.Popen[bytes], state: Path) -> str:
    """The URL that the server writes when it is ready to serve; StartError if it does not become so."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not _serves(server, state):
        if server.poll() is not None or time.monotonic() > deadline:
            said = (state / "serve.log").read_text().strip().splitlines() or ["it printed nothing"]
            raise StartError(f"the embedded AWS did not start: {said[-1]} (see {state / 'serve.log'})")
        time.sleep(0.1)
    return (state / "endpoint").read_text().strip()


def _serves(server: subprocess.Popen[bytes], state: Path) -> bool:
    """Whether this very server has written its endpoint: another may have the folder, or have had it."""
    pid = state / "pid"
    return pid.exists() and pid.read_text() == str(server.pid) and (state / "endpoint").exists()


def stop(server: subprocess.Popen[bytes]) -> None:
    """End the server; what it started ends with it."""
    server.terminate()
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
