"""The S3 of the benchmarks: versitygw, a real server, built once with Go and started on a free port.

`python -m benchmarks.gateway` only builds it.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.places import BUILD, BenchError

VERSION = "v1.8.0"
SOURCE = "github.com/versity/versitygw/cmd/versitygw"
ACCESS, SECRET = "benchmark", "benchmark-secret"
REGION = "eu-west-3"
START_SECONDS = 20
NO_GO = (
    "the benchmarks need Go 1.21 or newer, to build the S3 server versitygw once: install it from go.dev/dl, "
    "or with apt-get install golang-go (Debian 12: apt-get install -t bookworm-backports golang-go)"
)


def program() -> Path:
    """versitygw of the pinned version, built the first time."""
    place = BUILD / f"versitygw-{VERSION}"
    if not place.exists():
        _build(place)
    return place


def _build(place: Path) -> None:
    go = shutil.which("go")
    if go is None:
        raise BenchError(NO_GO)
    print(f"building versitygw {VERSION} (once; takes two minutes)", flush=True)
    scratch = BUILD / "go"
    environment = os.environ | {"GOBIN": str(scratch)}
    built = subprocess.run([go, "install", f"{SOURCE}@{VERSION}"], env=environment, capture_output=True, check=False)
    if built.returncode:
        said = built.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise BenchError(f"go could not build versitygw {VERSION}: {' '.join(said)}. {NO_GO}")
    (scratch / "versitygw").rename(place)


@contextmanager
def gateway(folder: Path) -> Iterator[tuple[str, int]]:
    """The URL and the process of a server whose buckets are folders of `folder`; it ends with the block."""
    port = _free_port()
    folder.mkdir(parents=True, exist_ok=True)
    options = [
        "--port",
        f"127.0.0.1:{port}",
        "--access",
        ACCESS,
        "--secret",
        SECRET,
        "--region",
        REGION,
        "--keep-alive",
        "--quiet",
    ]
    with (folder.parent / "versitygw.log").open("wb") as log:
        server = subprocess.Popen([program(), *options, "posix", folder], stdout=log, stderr=log)
    try:
        _wait_for(server, port)
        yield f"http://127.0.0.1:{port}", server.pid
    finally:
        server.terminate()
        server.wait()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise BenchError("versitygw did not start: see .build/bench for versitygw.log")


if __name__ == "__main__":
    try:
        program()
    except BenchError as error:
        sys.exit(f"bench: {error}")
