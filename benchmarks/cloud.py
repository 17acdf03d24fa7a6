"""What the jobs run against: S3 from versitygw, and every other service from the embedded AWS."""

import os
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import boto3
import obstore
from obstore.store import S3Store

from benchmarks.gateway import ACCESS, REGION, SECRET, gateway
from benchmarks.places import DEVELOPMENT_PYTHON, ROOT, BenchError
from embedded_aws.proxies import exempt_from_proxies

START_SECONDS = 120
UPLOADS_AT_ONCE = 16
# versitygw 1.8.0 reads a checksum that trails an upload as the start of the connection's next request
NO_TRAILING_CHECKSUMS = {"AWS_REQUEST_CHECKSUM_CALCULATION": "when_required"}
Object = tuple[str, bytes]
"""A key and its content."""


@dataclass(frozen=True)
class Cloud:
    """Two endpoints that together are an AWS."""

    s3_endpoint: str
    other_endpoint: str
    s3_process: int

    def environment(self) -> dict[str, str]:
        """What a process needs to find them: boto3 and obstore look for S3 where AWS_ENDPOINT_URL says."""
        return {
            "AWS_ENDPOINT_URL": self.s3_endpoint,
            "AWS_ENDPOINT_URL_GLUE": self.other_endpoint,
            "AWS_ENDPOINT_URL_EMR_SERVERLESS": self.other_endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            **NO_TRAILING_CHECKSUMS,
        }

    def client(self, service: str) -> Any:  # noqa: ANN401 (typed by literal names alone)
        """boto3's client of the service."""
        endpoint = self.s3_endpoint if service == "s3" else self.other_endpoint
        session = boto3.Session(ACCESS, SECRET, region_name=REGION)
        return session.client(service, endpoint_url=endpoint)  # type: ignore[call-overload]

    def bucket(self, kind: str) -> str:
        """A new, empty bucket."""
        name = f"{kind}-{uuid.uuid4().hex[:8]}"
        place = {"LocationConstraint": REGION}
        self.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=place)
        return name

    def store(self, bucket: str) -> S3Store:
        """obstore's client of a bucket."""
        credentials: Any = {"access_key_id": ACCESS, "secret_access_key": SECRET, "region": REGION}
        return S3Store(bucket, endpoint=self.s3_endpoint, client_options={"allow_http": True}, **credentials)

    def upload(self, bucket: str, objects: Iterator[Object]) -> None:
        """Put the objects, a few thousand of them in memory at a time."""
        store = self.store(bucket)
        with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
            while some := list(islice(objects, 1000)):
                list(pool.map(lambda one: obstore.put(store, one[0], one[1], use_multipart=False), some))

    def delete(self, bucket: str, keys: Sequence[str]) -> None:
        """Delete the objects."""
        obstore.delete(self.store(bucket), keys)

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """The keys that begin with the prefix."""
        listed = obstore.list(self.store(bucket), prefix)
        return [entry["path"] for entry in chain.from_iterable(listed)]


@contextmanager
def cloud(folder: Path) -> Iterator[Cloud]:
    """An AWS of our own, below the folder, until the block ends."""
    os.environ.update(NO_TRAILING_CHECKSUMS)
    exempt_from_proxies("127.0.0.1")
    with gateway(folder / "s3") as (s3_endpoint, s3_process), embedded_aws(folder / "aws") as other_endpoint:
        yield Cloud(s3_endpoint, other_endpoint, s3_process)


@contextmanager
def embedded_aws(state: Path) -> Iterator[str]:
    """The URL of an embedded AWS, until the block ends."""
    state.mkdir(parents=True)
    command: list[str | Path] = [DEVELOPMENT_PYTHON, "-m", "embedded_aws", "serve", "--state", state]
    with (state / "serve.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        yield _endpoint(server, state)
    finally:
        server.terminate()
        server.wait()


def _endpoint(server: subprocess.Popen[bytes], state: Path) -> str:
    ready = state / "endpoint"
    deadline = time.monotonic() + START_SECONDS
    while not ready.exists():
        if server.poll() is not None or time.monotonic() > deadline:
            raise BenchError(f"the embedded AWS did not start: {(state / 'serve.log').read_text()[-500:]}")
        time.sleep(0.1)
    return ready.read_text().strip()
