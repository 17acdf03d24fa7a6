"""The lake over HTTP against a real S3 server: conditional writes, races, and what is told apart."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from pomona_intake.errors import LostRaceError, PreconditionFailedError, TransientError
from pomona_intake.s3.lake import Lake

WRITERS = 8
ROUNDS = 5


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def client(endpoint: str, **config: object) -> object:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="eu-west-3",
        aws_access_key_id="a",
        aws_secret_access_key="s",
        config=Config(max_pool_connections=WRITERS, retries={"total_max_attempts": 1}, **config),
    )


@pytest.fixture(scope="module")
def bucket(server: str) -> object:
    s3 = client(server)
    s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
    yield s3
    s3.close()


@pytest.fixture
def lake(bucket: object) -> Iterator[Lake]:
    lake = Lake(bucket, "lake")
    yield lake
    lake.delete_all(list(lake.names("")))


def test_what_is_created_is_read_with_its_etag(lake: Lake) -> None:
    etag = lake.create("queue/active.json", b"{}")

    stored = lake.read("queue/active.json")
    assert stored is not None
    assert (stored.body, stored.etag) == (b"{}", etag)


def test_a_missing_object_is_none(lake: Lake) -> None:
    assert lake.read("queue/active.json") is None


def test_a_missing_bucket_is_an_error_and_not_a_missing_object(bucket: object) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        Lake(bucket, "another").read("queue/active.json")


def test_nothing_is_created_twice(lake: Lake) -> None:
    lake.create("a", b"first")

    with pytest.raises(PreconditionFailedError):
        lake.create("a", b"second")
    assert lake.read("a").body == b"first"


def test_only_what_was_read_is_replaced(lake: Lake) -> None:
    old = lake.create("a", b"first")
    new = lake.replace("a", b"second", old)

    with pytest.raises(LostRaceError):
        lake.replace("a", b"third", old)
    assert lake.read("a").etag == new


def test_what_is_gone_is_not_replaced(lake: Lake) -> None:
    etag = lake.create("a", b"first")
    lake.delete_all(["a"])

    with pytest.raises(LostRaceError):
        lake.replace("a", b"second", etag)
    assert lake.read("a") is None


def test_only_what_was_read_is_deleted(lake: Lake) -> None:
    old = lake.create("a", b"first")
    new = lake.replace("a", b"second", old)

    with pytest.raises(LostRaceError):
        lake.delete("a", old)
    assert lake.read("a").body == b"second"
    lake.delete("a", new)
    assert lake.read("a") is None


def test_deleting_what_is_gone_ends_quietly_or_as_a_lost_race(lake: Lake) -> None:
    etag = lake.create("a", b"first")
    lake.delete("a", etag)

    with suppress(LostRaceError):
        lake.delete("a", etag)


def test_any_number_of_objects_is_deleted_and_listed(lake: Lake, bucket: object) -> None:
    names = [f"queue/pending/{number:04d}" for number in range(1001)]
    for name in names:
        bucket.put_object(Bucket="lake", Key=name)
    lake.create("queue/failed/a", b"")

    assert list(lake.names("queue/pending/")) == names
    lake.delete_all([*names, "queue/pending/gone"])
    assert list(lake.names("queue/")) == ["queue/failed/a"]


def test_of_racing_creators_exactly_one_wins(lake: Lake) -> None:
    for number in range(ROUNDS):
        assert len(_winners(lambda writer, name=f"race-{number}": lake.create(name, b"%d" % writer))) == 1


def test_of_racing_replacers_exactly_one_wins_and_its_content_stays(lake: Lake) -> None:
    etag = lake.create("a", b"")

    for _ in range(ROUNDS):
        (winner,) = _winners(lambda writer, etag=etag: lake.replace("a", f"{etag} {writer}".encode(), etag))
        stored = lake.read("a")
        assert stored.body == f"{etag} {winner}".encode()
        etag = stored.etag


def test_a_server_that_is_not_there_is_transient() -> None:
    nobody = client("http://127.0.0.1:9", connect_timeout=1)

    with pytest.raises(TransientError):
        Lake(nobody, "lake").read("a")
    nobody.close()


def _winners(write: object) -> list[int]:
    def attempt(writer: int) -> bool:
        try:
            write(writer)
        except LostRaceError:
            return False
        return True

    with ThreadPoolExecutor(WRITERS) as pool:
        return [writer for writer, won in enumerate(pool.map(attempt, range(WRITERS))) if won]
