"""A name, a region or an address that is wrong: a sentence, whatever answers there."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest

from tests.cli_stack import run_pomona
from tests.http_server import address, served

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "eu-west-3"}
DEAD_PROXY = "http://127.0.0.1:9"
PAGE = b"<!DOCTYPE HTML><html><head><title>Oops</title></head><body><h1>Oops</h1><hr></body></html>"


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """The address of a server that gives every request this answer."""

    class Server(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Not a word on the test's output."""

    with served(Server) as server:
        yield address(server)


def refused(*words: str, **environment: str) -> str:
    told = run_pomona(["status", *words], CREDENTIALS | environment)
    assert (told.exit_code, type(told.exception)) == (1, SystemExit), told.exception
    assert told.stderr.count("\n") == 1
    return told.stderr


def misused(*words: str) -> str:
    """Return the message for an option with an invalid value."""
    told = run_pomona(["status", *words], CREDENTIALS)
    assert (told.exit_code, type(told.exception)) == (2, SystemExit), told.exception
    return told.stderr


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let boto3 repeat a request at once."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)


@pytest.fixture
def behind_a_dead_proxy(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a user who has exempted nothing from the proxy."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    return {"HTTP_PROXY": DEAD_PROXY, "HTTPS_PROXY": DEAD_PROXY}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, PAGE),
        (200, b""),
        (200, b"{}"),
        (200, b"<a/>"),
        (404, b"<html><body><p>Not here</p></body></html>"),
        (405, b"<html>\r\n<head><title>405</title></head>\r\n<body><center><hr></center></body>\r\n</html>"),
        (500, b"<html><body>Oops</body></html>"),
        (501, PAGE),
    ],
)
def test_what_is_not_aws_is_told_with_its_address(impatient, status, body):
    with answering(status, body) as place:
        told = refused("--endpoint-url", place)
    assert f"at {place} does not answer as AWS does. Check --endpoint-url" in told
    assert "<" not in told


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_loopback_address_is_reached_without_the_proxy(impatient, behind_a_dead_proxy, host):
    with answering(200, PAGE) as place:
        told = refused("--endpoint-url", place.replace("127.0.0.1", host), **behind_a_dead_proxy)
    assert "does not answer as AWS does" in told


def test_aws_is_reached_through_the_proxy(impatient, behind_a_dead_proxy):
    told = refused(**behind_a_dead_proxy)
    assert f'Failed to connect to proxy URL: "{DEAD_PROXY}"' in told


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:5000", "http://", "http://[::1", "http://a:b", "ftp://a"])
def test_what_is_no_address_is_told(address):
    assert f"{address!r} is no address for --endpoint-url" in misused("--endpoint-url", address)


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_of_a_stack_is_refused_before_any_request(name):
    assert "The name of the stack is empty" in misused("--stack", name, "--endpoint-url", "http://127.0.0.1:9")


def test_what_is_no_region_is_told():
    assert "'a b' is no name of a Region: check --region" in misused("--region", "a b")
