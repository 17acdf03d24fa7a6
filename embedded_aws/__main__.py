"""The command line: `python -m embedded_aws serve --state DIR` and `python -m embedded_aws down --state DIR`."""

import argparse
import contextlib
import gc
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

from embedded_aws.moto_internals import MotoVersionError, check_version
from embedded_aws.proxies import exempt_from_proxies


def main() -> int:
    """Run one command; return the exit status."""
    options = _options()
    state = Path(options.state).resolve()
    return _serve(state, options.host, options.port) if options.command == "serve" else _down(state)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m embedded_aws", description="The embedded AWS.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("serve", "serve until stopped"), ("down", "stop the server of a state folder")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--state", required=True, help="the folder of all data and logs")
        if name == "serve":
            command.add_argument("--port", type=int, default=0, help="a free port by default")
            command.add_argument(
                "--host",
                default="127.0.0.1",
                help="where to listen; 172.17.0.1, the bridge, for containers",
            )
    return parser.parse_args()


def _serve(state: Path, host: str, port: int) -> int:
    (state / "logs").mkdir(parents=True, exist_ok=True)
    if running := _running(state):
        print(f"A server (process {running}) already has {state}", file=sys.stderr)
        return 1
    try:
        check_version()
    except MotoVersionError as error:
        print(error, file=sys.stderr)
        return 1
    (state / "endpoint").unlink(missing_ok=True)
    (state / "pid").write_text(str(os.getpid()))
    logging.basicConfig(
        filename=state / "logs" / "server.log", level=logging.INFO, format="%(asctime)s %(name)s %(message)s"
    )
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    # a usage error must not wait for this import; the garbage collector would take a third of its time
    gc.disable()
    from embedded_aws.server import EmbeddedAws

    gc.freeze()
    gc.enable()
    exempt_from_proxies(host)
    server = EmbeddedAws(state, host, port)
    server.prepare()
    server.serve()
    _publish(state, server.endpoint)
    stopped.wait()
    (state / "endpoint").unlink(missing_ok=True)
    (state / "pid").unlink(missing_ok=True)
    os._exit(0)  # the children end with this process


def _publish(state: Path, endpoint: str) -> None:
    partial = state / "endpoint.partial"
    partial.write_text(endpoint)
    partial.rename(state / "endpoint")
    print(f"The embedded AWS answers at {endpoint}", flush=True)


def _running(state: Path) -> int | None:
    """Return the id of the process that serves this folder; None if there is none."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        process = int((state / "pid").read_text())
        command = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
        if b"embedded_aws" in command and b"serve" in command and str(state) in _states(command, process):
            return process
    return None


def _states(command: list[bytes], process: int) -> list[str]:
    folder = Path(f"/proc/{process}/cwd").resolve()
    return [str((folder / os.fsdecode(word)).resolve()) for word in command if word]


def _down(state: Path) -> int:
    process = _running(state)
    if process is None:
        print(f"no embedded AWS serves {state}")
        return 0
    os.kill(process, signal.SIGTERM)
    deadline = time.monotonic() + 10
    while _running(state) and time.monotonic() < deadline:
        time.sleep(0.05)
    if _running(state):
        os.kill(process, signal.SIGKILL)
    print(f"stopped the embedded AWS of {state}; its data stay there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
