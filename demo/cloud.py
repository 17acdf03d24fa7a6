"""The embedded AWS that the demo uses: its endpoint, its clients, and its process."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from embedded_aws.background import start_server, stop, wait_for_endpoint

REGION = "eu-west-3"


@dataclass(frozen=True)
class EmbeddedCloud:
    """An AWS at `endpoint`, and how to connect to it."""

    endpoint: str

    def environment(self) -> dict[str, str]:
        """Return the environment of a process that uses this endpoint as AWS."""
        return {**local_environment(), "AWS_ENDPOINT_URL": self.endpoint}

    def client(self, service: str) -> Any:
        """Return a boto3 client of a service."""
        create: Any = boto3.client  # typed by literal names alone
        return create(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - the embedded AWS accepts any
            config=Config(retries={"mode": "standard"}, max_pool_connections=16),
        )


def local_environment() -> dict[str, str]:
    """Return this process's environment with the embedded AWS's credentials and region in the place of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **inherited,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
    }


@dataclass(frozen=True)
class ServerProcess:
    """A server of the embedded AWS that may still be starting."""

    process: subprocess.Popen[bytes]
    state: Path

    @classmethod
    def start(cls, state: Path, host: str = "127.0.0.1", port: int = 0) -> "ServerProcess":
        """Start a server on this port; 0 is any free one."""
        return cls(start_server(state, host, port), state)

    def wait(self) -> EmbeddedCloud:
        """Return the cloud when the server is ready; StartError if it does not get ready."""
        return EmbeddedCloud(wait_for_endpoint(self.process, self.state))

    def stop(self) -> None:
        """Stop the server."""
        stop(self.process)


@contextmanager
def running_server(state: Path, keep: bool = False, host: str = "127.0.0.1") -> Iterator[ServerProcess]:
    """Start a server, and stop it at the end. With `keep` it stays up unless an exception ends the block."""
    server = ServerProcess.start(state, host)
    try:
        yield server
    except BaseException:
        server.stop()
        raise
    if not keep:
        server.stop()


@contextmanager
def running_cloud(state: Path, host: str = "127.0.0.1") -> Iterator[EmbeddedCloud]:
    """Start a server, wait until it is ready, and stop it at the end."""
    with running_server(state, host=host) as server:
        yield server.wait()
