"""The embedded AWS keeps a connection, as RFC 9112 (9.3) describes it and AWS does, and tells its requests apart."""

import http.client
import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from tests.local_server import REGION, LocalServer

BUCKET = "kept-connections"
BODY = b"of an image " * 1000
Url = Callable[[str, str], str]


@pytest.fixture(scope="module")
def url(shared_server: LocalServer) -> Url:
    """The path and query of a request to S3, signed."""
    s3 = shared_server.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})

    def sign(operation: str, key: str) -> str:
        address = urlsplit(s3.generate_presigned_url(operation, {"Bucket": BUCKET, "Key": key}))
        return f"{address.path}?{address.query}"

    return sign


@pytest.fixture
def connection(shared_server: LocalServer) -> Iterator[http.client.HTTPConnection]:
    """A connection that is not opened again when the server has closed it."""
    made = http.client.HTTPConnection(urlsplit(shared_server.endpoint).netloc, timeout=20)
    made.connect()
    made.auto_open = 0
    yield made
    made.close()


def answer(
    connection: http.client.HTTPConnection, method: str, url: str, body: bytes | None = None
) -> tuple[int, bytes]:
    connection.request(method, url, body)
    response = connection.getresponse()
    return response.status, response.read()


def everything(connection: socket.socket) -> bytes:
    """What the server sends until it closes the connection."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_connection_serves_one_request_after_the_other(connection: http.client.HTTPConnection, url: Url) -> None:
    assert answer(connection, "PUT", url("put_object", "a.jpg"), BODY)[0] == 200
    assert answer(connection, "HEAD", url("head_object", "a.jpg")) == (200, b"")
    assert answer(connection, "GET", url("get_object", "a.jpg")) == (200, BODY)
    assert answer(connection, "DELETE", url("delete_object", "a.jpg")) == (204, b"")
    status, said = answer(connection, "GET", url("get_object", "a.jpg"))
    assert (status, b"<Code>NoSuchKey</Code>" in said) == (404, True)


def test_a_body_that_nobody_has_read_is_not_taken_for_the_next_request(
    connection: http.client.HTTPConnection, url: Url
) -> None:
    assert answer(connection, "PUT", "/_local/ready", BODY) == (200, b"ready")
    assert answer(connection, "GET", url("get_object", "nothing.jpg"))[0] == 404


def test_an_error_of_the_server_is_an_answer_too(connection: http.client.HTTPConnection) -> None:
    assert answer(connection, "PUT", "/_local/responses/x", b"this is no JSON")[0] == 500
    assert answer(connection, "GET", "/_local/ready") == (200, b"ready")


@pytest.mark.parametrize(
    "sent",
    [
        "Content-Length: x\r\n\r\n",
        "Content-Length: -1\r\n\r\n",
        "Transfer-Encoding: gzip\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n-5\r\n",
        "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n",
    ],
)
def test_a_request_whose_body_has_no_end_is_refused_and_nothing_after_it_is_answered(
    connection: http.client.HTTPConnection, sent: str
) -> None:
    following = "GET /_local/ready HTTP/1.1\r\nHost: aws\r\n\r\n"
    connection.send(f"PUT /_local/ready HTTP/1.1\r\nHost: aws\r\n{sent}{following}".encode())
    said = everything(connection.sock)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"HTTP/1.1") == 1


def test_a_body_in_chunks_ends_where_it_says(connection: http.client.HTTPConnection, url: Url) -> None:
    connection.request("PUT", url("put_object", "b.jpg"), iter((BODY, BODY)), encode_chunked=True)
    assert connection.getresponse().read() == b""
    assert answer(connection, "GET", url("get_object", "b.jpg")) == (200, BODY + BODY)


def test_a_client_that_waits_is_asked_for_the_body(connection: http.client.HTTPConnection, url: Url) -> None:
    # Given a client that sends the body only when it is asked for it (RFC 9110, 10.1.1)
    connection.putrequest("PUT", url("put_object", "c.jpg"))
    connection.putheader("Content-Length", str(len(BODY)))
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    assert connection.sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
    # When it sends the body, then the request is answered
    connection.send(BODY)
    assert connection.getresponse().read() == b""
    assert answer(connection, "GET", url("get_object", "c.jpg")) == (200, BODY)


def test_a_request_whose_client_goes_is_not_carried_out(connection: http.client.HTTPConnection, url: Url) -> None:
    # Given a client that goes before it has sent the whole body
    connection.putrequest("PUT", url("put_object", "d.jpg"))
    connection.putheader("Content-Length", str(len(BODY)))
    connection.endheaders(BODY[:100])
    connection.sock.shutdown(socket.SHUT_WR)
    # Then it gets no answer, and nothing is stored
    with pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()
    connection.connect()
    assert answer(connection, "GET", url("get_object", "d.jpg"))[0] == 404


@pytest.mark.parametrize("first", ["HEAD / HTTP/1.1\r\nConnection: close", "HEAD / HTTP/1.0\r\nConnection: keep-alive"])
def test_a_connection_that_the_client_wants_closed_or_is_of_old_http_is_closed(
    connection: http.client.HTTPConnection, first: str
) -> None:
    connection.send(f"{first}\r\nHost: aws\r\n\r\n".encode())
    assert b"\r\nConnection: close\r\n" in everything(connection.sock)
