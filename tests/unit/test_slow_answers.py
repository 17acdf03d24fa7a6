"""A GET that never ends ends: S3 is given so many seconds, the image is unread, and the others are read."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from pomona.s3.bounded_call import AnswerTimeoutError, call_within
from pomona.s3.image_fetcher import FetchResult, FetchStatus, ImageFetcher, KeyToFetch
from pomona.s3.object_store import Timeouts
from pomona.s3.objects import s3_client
from pomona.s3.read_ahead import ByteBudget, in_completion_order

TIMEOUTS = Timeouts(connect_seconds=1, read_seconds=0.5, object_seconds=2)
MOST_SECONDS = 12  # of a key: obstore's last retry begins within 2 s, boto3 has 2 for the header and 2 for the body
SIZE = 1000
HEADER = (
    b'HTTP/1.1 200 OK\r\nETag: "1"\r\nLast-Modified: Sat, 21 Nov 2026 07:00:00 GMT\r\n'
    b"Content-Length: %d\r\nConnection: close\r\n\r\n" % SIZE
)
Wait = Callable[[float], None]


def answer_never(_: socket.socket, wait: Wait) -> None:
    wait(60)


def answer_byte_by_byte(connection: socket.socket, wait: Wait) -> None:
    for byte in HEADER + bytes(SIZE):
        connection.sendall(bytes([byte]))
        wait(0.1)


def answer_with_a_slow_body(connection: socket.socket, wait: Wait) -> None:
    connection.sendall(HEADER)
    for _ in range(SIZE):
        connection.sendall(b"\0")
        wait(0.1)


def stop_half_way(connection: socket.socket, wait: Wait) -> None:
    connection.sendall(HEADER + bytes(SIZE // 2))
    wait(60)


WAYS = {way.__name__: way for way in (answer_never, answer_byte_by_byte, answer_with_a_slow_body, stop_half_way)}


class SlowServer:
    """Answers a key below `slow/` in the way of its name, and every other at once."""

    def __init__(self) -> None:
        self._is_over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._listen)]
        self._threads[0].start()

    def stop(self) -> None:
        self._is_over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            path = connection.recv(65536).split()[1].decode()
            if "/slow/" in path:
                WAYS[path.rpartition("/")[2].removesuffix(".jpg")](connection, self._wait)
            else:
                connection.sendall(HEADER + bytes(SIZE))

    def _wait(self, seconds: float) -> None:
        if self._is_over.wait(seconds):
            raise OSError("the test is over")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowServer]:
    server = SlowServer()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3_client.cache_clear()
    yield server
    server.stop()
    s3_client.cache_clear()


def fetch(keys: list[str], budget: ByteBudget, threads: int = 1) -> dict[str, FetchResult]:
    fetcher = ImageFetcher("images", 10**6, budget, TIMEOUTS)
    dirty = iter([KeyToFetch(key, None, False) for key in keys])
    found = {}
    for fetched in in_completion_order(dirty, fetcher.fetch, threads):
        found[fetched.dirty.key] = fetched
        budget.give_back(len(fetched.body))
    return found


def test_an_answer_that_never_ends_leaves_its_image_unread_and_the_others_read(server):
    # Given an S3 that treats a key in each of these ways, and so a key that obstore would normalise
    slow = [f"{prefix}{way}.jpg" for prefix in ("slow/", "slow//") for way in WAYS]
    others = [f"{number}.jpg" for number in range(20)]
    # When all are fetched at once, with room for two bodies beside the four that begin and never end
    began = time.monotonic()
    found = fetch([*slow, *others], ByteBudget((2 + 4) * SIZE), threads=2 + len(slow))
    # Then it ends, with what an operator can tell from a refusal
    assert time.monotonic() - began < MOST_SECONDS
    told = {key: (found[key].status, found[key].reason) for key in slow}
    assert told == dict.fromkeys(slow, (FetchStatus.UNREAD, "no answer from S3 within 2 s"))
    assert {found[other].status for other in others} == {FetchStatus.FOUND}


def test_a_body_that_waited_for_room_is_read_though_its_time_is_up(server):
    # Given an image whose answer has begun when the images before it fill the memory for longer than S3 is waited for
    budget = ByteBudget(SIZE)
    budget.take(SIZE)
    threading.Timer(TIMEOUTS.object_seconds + 1, budget.give_back, [SIZE]).start()
    # When there is room again, then it is read
    assert fetch(["a.jpg"], budget)["a.jpg"].status == FetchStatus.FOUND


def test_what_a_call_raises_in_time_is_raised():
    def fails() -> None:
        raise TimeoutError("the socket's own")

    with pytest.raises(TimeoutError, match="own"):
        call_within(5, fails)
    with pytest.raises(AnswerTimeoutError, match=r"within 0\.05 s"):
        call_within(0.05, lambda: time.sleep(0.2))
