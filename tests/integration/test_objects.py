"""What S3 says of a key is told apart by what the run does about it: there, unchanged, gone, unusable, not read."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from botocore.parsers import ResponseParserError
from moto.server import ThreadedMotoServer
from obstore.exceptions import GenericError

from pomona.errors import JobError, MisconfiguredError
from pomona.s3.image_fetcher import FallbackReason, FetchStatus, ImageFetcher, KeyToFetch
from pomona.s3.objects import require_bucket, s3_client, write_json
from pomona.s3.read_ahead import ByteBudget, in_completion_order
from tests.http_server import address, served
from tests.lake_documents import read_json

ODD_KEYS = ["a//b", "/a", "a/", "//", "../x", "a/../b", "./a", "a/.", "a/./b", "a\x01b", "a\x7fb", "tab\tkey"]
USUAL_KEYS = [
    "a",
    "b c.jpg",
    "a+b",
    "100%.jpg",
    "a%2Fb",
    "ü/ñ/雪.jpg",
    "q?x=1&y=2#z",
    "a.b/..c/d..",
    "quote'\"",
    "<tag>",
]


def use_endpoint(patch: pytest.MonkeyPatch, endpoint: str) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        patch.setenv(name, value)
    s3_client.cache_clear()


@pytest.fixture(scope="module")
def s3() -> Iterator:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        use_endpoint(patch, f"http://{host}:{port}")
        client = boto3.client("s3")
        client.create_bucket(Bucket="images")
        yield client
        server.stop()
    s3_client.cache_clear()


@pytest.fixture
def fetcher(s3) -> ImageFetcher:
    return ImageFetcher("images", 1000, ByteBudget(10**6))


class RefusingServer(BaseHTTPRequestHandler):
    """Answers every request with the status and the code that its port's test asked for."""

    def do_GET(self) -> None:
        code, answer = self.server.answer
        body = f"<?xml version='1.0'?><Error><Code>{answer}</Code><Message>no</Message></Error>".encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *arguments) -> None:
        """Tests stay quiet."""


@pytest.fixture
def refusing(monkeypatch) -> Iterator:
    with served(RefusingServer) as server:
        use_endpoint(monkeypatch, address(server))
        monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
        yield server
    s3_client.cache_clear()


@pytest.mark.parametrize("key", ODD_KEYS + USUAL_KEYS)
def test_an_object_is_read_under_its_exact_key(s3, fetcher, key):
    # Given an object and another one under the key that a careless client would read instead
    s3.put_object(Bucket="images", Key="a", Body=b"another")
    s3.put_object(Bucket="images", Key=key, Body=key.encode())
    # When it is fetched
    fetched = fetcher.fetch(KeyToFetch(key, None, False))
    # Then it is the object of this key
    assert (fetched.status, fetched.body, fetched.size) == (FetchStatus.FOUND, key.encode(), len(key.encode()))
    assert fetched.etag == s3.head_object(Bucket="images", Key=key)["ETag"].strip('"')
    assert fetched.last_modified.tzinfo is not None
    s3.delete_object(Bucket="images", Key=key)


@pytest.mark.parametrize("key", ODD_KEYS + USUAL_KEYS)
def test_a_missing_key_is_gone_though_its_neighbour_is_there(s3, fetcher, key):
    s3.put_object(Bucket="images", Key="a", Body=b"another")
    s3.delete_object(Bucket="images", Key=key)
    assert fetcher.fetch(KeyToFetch(key, None, True)).status == FetchStatus.GONE


@pytest.mark.parametrize("key", USUAL_KEYS)
def test_a_deletion_does_not_wait_for_the_slower_client(s3, fetcher, monkeypatch, key):
    # Given a key that is gone, and a boto3 that may not be asked
    s3.delete_object(Bucket="images", Key=key)
    monkeypatch.setattr("pomona.s3.image_fetcher.s3_client", lambda: pytest.fail("boto3 was asked"))
    # Then obstore's answer is enough
    assert fetcher.fetch(KeyToFetch(key, None, True)).status == FetchStatus.GONE
    assert fetcher.fetch(KeyToFetch(key, "e" * 32, True)).status == FetchStatus.GONE


@pytest.mark.parametrize("key", ["unchanged.jpg", "un//changed.jpg"])
def test_an_object_with_the_known_etag_is_not_downloaded(s3, fetcher, key):
    etag = s3.put_object(Bucket="images", Key=key, Body=b"pixels")["ETag"].strip('"')
    fetched = fetcher.fetch(KeyToFetch(key, etag, True))
    assert (fetched.status, fetched.body) == (FetchStatus.UNCHANGED, b"")
    assert fetcher.fetch(KeyToFetch(key, "0" * 32, True)).body == b"pixels"


@pytest.mark.parametrize(
    ("key", "body", "status"),
    [
        ("photos/", b"", FetchStatus.GONE),
        ("photos/sub/", b"", FetchStatus.GONE),
        ("photos/", b"pixels", FetchStatus.FOUND),
        ("photos/empty.jpg", b"", FetchStatus.FOUND),
        ("photos//empty.jpg", b"", FetchStatus.FOUND),
    ],
)
def test_an_empty_object_with_the_name_of_a_folder_is_a_placeholder_and_no_image(s3, fetcher, key, body, status):
    s3.put_object(Bucket="images", Key=key, Body=body)
    assert fetcher.fetch(KeyToFetch(key, None, True)).status == status
    s3.delete_object(Bucket="images", Key=key)


def test_a_name_that_is_ignored_is_no_image_whatever_the_object_is(s3, fetcher):
    s3.put_object(Bucket="images", Key="._a.jpg", Body=b"pixels")
    assert fetcher.fetch(KeyToFetch("._a.jpg", None, True, ignored=True)).status == FetchStatus.GONE


@pytest.mark.parametrize("key", ["large.jpg", "large//x.jpg"])
def test_a_too_large_object_is_not_read(s3, key):
    s3.put_object(Bucket="images", Key=key, Body=bytes(1001))
    budget = ByteBudget(0)
    budget.take(1)  # a body could not be admitted
    fetched = ImageFetcher("images", 1000, budget).fetch(KeyToFetch(key, None, False))
    assert (fetched.status, fetched.size, fetched.body) == (FetchStatus.UNUSABLE, 1001, b"")
    assert fetched.reason == "too large: 1,001 bytes is above the limit of 1,000"


@pytest.mark.parametrize("key", ["a", "a//b"])
def test_a_missing_bucket_is_not_a_missing_object(s3, key):
    fetched = ImageFetcher("missing", 1000, ByteBudget(10)).fetch(KeyToFetch(key, None, True))
    assert (fetched.status, fetched.reason) == (FetchStatus.UNREAD, "S3 says NoSuchBucket")


@pytest.mark.parametrize("key", ["a", "a//b"])
@pytest.mark.parametrize(
    "answer", [(403, "AccessDenied"), (404, "NoSuchBucket"), (404, "Whatever"), (400, "ExpiredToken")]
)
def test_a_refusal_is_unread(refusing, key, answer):
    refusing.answer = answer
    fetched = ImageFetcher("images", 1000, ByteBudget(10)).fetch(KeyToFetch(key, None, True))
    assert (fetched.status, fetched.reason) == (FetchStatus.UNREAD, f"S3 says {answer[1]}")


def test_a_failing_s3_is_unread_after_retries(refusing):
    refusing.answer = (503, "SlowDown")
    fetched = ImageFetcher("images", 1000, ByteBudget(10)).fetch(KeyToFetch("a//b", None, True))
    assert (fetched.status, fetched.reason) == (FetchStatus.UNREAD, "S3 says SlowDown")
    assert fetched.retries == 5


@pytest.mark.parametrize("key", ["cold.jpg", "cold//x.jpg"])
@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_an_archived_object_that_nobody_has_read_is_unusable_and_says_what_to_do(s3, fetcher, key, storage_class):
    s3.put_object(Bucket="images", Key=key, Body=b"pixels", StorageClass=storage_class)
    fetched = fetcher.fetch(KeyToFetch(key, None, False))
    assert (fetched.status, fetched.size) == (FetchStatus.UNUSABLE, 6)
    assert fetched.reason == (
        f"archived: its storage class is {storage_class}; restore it, then mark it with pomona backfill --prefix"
    )
    # And its row is no reason to pass it over when it has been restored
    assert fetched.etag == ""


@pytest.mark.parametrize("key", ["cold.jpg", "cold//x.jpg"])
def test_an_archived_object_that_has_not_changed_leaves_its_row_as_it_is(s3, fetcher, key):
    etag = s3.put_object(Bucket="images", Key=key, Body=b"pixels", StorageClass="GLACIER")["ETag"].strip('"')
    # Given a row of this backbone, and one of another, which nobody could make anew
    for dirty in (KeyToFetch(key, etag, True, etag), KeyToFetch(key, None, True, etag)):
        assert fetcher.fetch(dirty).status == FetchStatus.UNCHANGED
    # But one that has changed before it was archived is an error
    assert fetcher.fetch(KeyToFetch(key, "0" * 32, True, "0" * 32)).status == FetchStatus.UNUSABLE


@pytest.mark.parametrize("key", ["a", "a//b"])
def test_an_archived_object_is_unchanged_whichever_answer_comes_first(refusing, key):
    # Given an S3 that answers 304 before it looks at the storage class (its documentation does not say)
    refusing.answer = (304, "")
    assert (
        ImageFetcher("images", 1000, ByteBudget(10)).fetch(KeyToFetch(key, "e", True, "e")).status
        == FetchStatus.UNCHANGED
    )


def test_a_restored_object_is_read(s3, fetcher):
    s3.put_object(Bucket="images", Key="warm.jpg", Body=b"pixels", StorageClass="GLACIER")
    s3.restore_object(Bucket="images", Key="warm.jpg", RestoreRequest={"Days": 1})
    assert fetcher.fetch(KeyToFetch("warm.jpg", None, True)).body == b"pixels"


def test_an_object_that_boto3_reads_for_its_key_is_counted(s3, fetcher):
    etag = s3.put_object(Bucket="images", Key="odd//key.jpg", Body=b"pixels")["ETag"].strip('"')
    s3.put_object(Bucket="images", Key="usual.jpg", Body=b"pixels")
    assert fetcher.fetch(KeyToFetch("odd//key.jpg", None, False)).fallback == FallbackReason.KEYS
    assert fetcher.fetch(KeyToFetch("odd//key.jpg", etag, True, etag)).fallback == FallbackReason.KEYS
    assert fetcher.fetch(KeyToFetch("usual.jpg", None, False)).fallback is None


def test_an_object_that_boto3_reads_after_an_error_is_counted(s3, fetcher, monkeypatch):
    def failing(*_arguments, **_options):
        raise GenericError("connection reset")

    s3.put_object(Bucket="images", Key="usual.jpg", Body=b"pixels")
    monkeypatch.setattr("pomona.s3.image_fetcher.obstore.get", failing)
    fetched = fetcher.fetch(KeyToFetch("usual.jpg", None, False))
    assert (fetched.status, fetched.body, fetched.fallback) == (FetchStatus.FOUND, b"pixels", FallbackReason.ERRORS)
    # but not one that is gone: to ask twice is the rule there
    assert fetcher.fetch(KeyToFetch("never-was.jpg", None, True)).fallback is None


def test_a_bucket_that_may_not_be_listed_ends_the_run(s3, refusing):
    refusing.answer = (403, "AccessDenied")
    with pytest.raises(MisconfiguredError, match="the bucket images cannot be listed: S3 says AccessDenied"):
        require_bucket("images")


@pytest.mark.parametrize(
    "error", [EndpointConnectionError(endpoint_url="x"), ResponseParserError("invalid XML"), OSError()]
)
def test_a_bucket_that_does_not_answer_ends_the_run_with_a_sentence(s3, monkeypatch, error):
    def failing(**_arguments):
        raise error

    monkeypatch.setattr(s3_client(), "list_objects_v2", failing)
    with pytest.raises(JobError, match=rf"images cannot be listed: no answer from S3 \({type(error).__name__}\)"):
        require_bucket("images")


@pytest.mark.parametrize(
    "error", [ReadTimeoutError(endpoint_url="x"), ResponseParserError("invalid XML"), ConnectionResetError()]
)
def test_an_object_that_cannot_be_had_now_is_unread(s3, fetcher, monkeypatch, error):
    def failing(**_arguments):
        raise error

    monkeypatch.setattr(s3_client(), "get_object", failing)
    fetched = fetcher.fetch(KeyToFetch("odd//key.jpg", None, True))
    assert (fetched.status, fetched.reason) == (FetchStatus.UNREAD, f"no answer from S3 ({type(error).__name__})")


def test_an_object_under_its_owners_key_is_unusable_and_says_what_to_do(s3, fetcher, monkeypatch):
    # Given an object that was stored with SSE-C. S3 answers a GET without the key with this code and message
    # (seen in github.com/wal-g/wal-g/issues/2027 and minio/minio pull 4894), and a HEAD with 400 and no body
    def without_the_key(**_arguments):
        message = (
            "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to "
            "retrieve the object."
        )
        answer = {"Error": {"Code": "InvalidRequest", "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}
        raise ClientError(answer, "GetObject")

    s3.put_object(Bucket="images", Key="locked//a.jpg", Body=b"pixels")
    monkeypatch.setattr(s3_client(), "get_object", without_the_key)
    # When it is fetched, then no retry is asked for
    fetched = fetcher.fetch(KeyToFetch("locked//a.jpg", None, False))
    assert (fetched.status, fetched.size) == (FetchStatus.UNUSABLE, 6)
    assert "SSE-C" in fetched.reason
    assert fetched.last_modified is not None
    # But what the listing does not show may be another refusal
    assert fetcher.fetch(KeyToFetch("locked//b.jpg", None, False)).status == FetchStatus.UNREAD


@pytest.mark.parametrize("answer", [(503, "SlowDown"), (429, "TooManyRequests"), (500, "InternalError")])
def test_a_busy_s3_is_no_wrong_setting(refusing, answer):
    refusing.answer = answer
    with pytest.raises(JobError, match=f"images cannot be listed: S3 says {answer[1]}") as raised:
        require_bucket("images")
    assert not isinstance(raised.value, MisconfiguredError)


def test_a_missing_bucket_ends_the_run(s3):
    with pytest.raises(MisconfiguredError, match="the bucket missing cannot be listed: S3 says NoSuchBucket"):
        require_bucket("missing")


def test_a_document_is_read_as_it_was_written(s3):
    write_json("images", "runs/x.json", {"größe": 1})
    assert read_json("images", "runs/x.json") == {"größe": 1}
    assert read_json("images", "runs/y.json") is None


def test_fetching_ahead_gives_every_result_and_stays_within_its_window():
    under_way, most = set(), []

    def fetch(number: int) -> int:
        under_way.add(number)
        return number

    results = in_completion_order(iter(range(200)), fetch, threads=4)
    found = []
    for number in results:
        most.append(len(under_way))
        under_way.discard(number)
        found.append(number)
    assert sorted(found) == list(range(200))
    assert max(most) <= 9


def test_fetching_ahead_raises_what_the_fetch_raised():
    with pytest.raises(ZeroDivisionError):
        list(in_completion_order(iter([1, 0]), lambda number: 1 // number, threads=2))


def test_a_budget_admits_no_more_than_its_bytes_but_one_large_object_alone():
    # Given bodies that together do not fit, one of them larger than the whole budget
    budget = ByteBudget(100)
    held: list[int] = []
    most: list[int] = []

    def fetch(size: int) -> int:
        budget.take(size)
        held.append(size)
        most.append(sum(held))
        return size

    # When they are fetched ahead and given back one by one
    sizes = [60, 50, 500, 40, 40, 40] * 10
    for size in in_completion_order(iter(sizes), fetch, threads=8):
        held.remove(size)
        budget.give_back(size)
    # Then never more than the budget lay in memory, but for the large one by itself
    assert all(total <= 100 or total == 500 for total in most)
    assert len(most) == len(sizes)
