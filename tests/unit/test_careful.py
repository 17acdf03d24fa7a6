"""Careful mode: whatever an image does to the process that decodes it, the image alone has an error."""

import io
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pomona.errors import JobError
from pomona.imaging.careful.decoder import CarefulDecoder
from pomona.imaging.careful.process_limits import killed_after, limited_growth
from pomona.imaging.errors import ImageError
from pomona.imaging.limits import Limits
from pomona.imaging.preprocessing import PreprocessingSpec, preprocess
from tests import hostile_decoder
from tests.hostile_decoder import (
    ABORT,
    CRASH,
    DEATHS,
    GROW,
    HANG,
    KEEP,
    KEPT_BYTES,
    KILL,
    KILL_TWICE,
    hostile,
)

ROOT = Path(__file__).resolve().parents[2]
LIMITS = Limits(10**6, 10**8, 100, decode_seconds=1, decode_memory_bytes=64 * 2**20)
WANTED = PreprocessingSpec(height=32, width=48, limits=LIMITS)
# a parent that dies while its child decodes an image that never ends; it tells the child's number
DYING_PARENT = """
import os, signal, sys, threading, time
from pathlib import Path
from pomona.imaging.careful.decoder import CarefulDecoder
from pomona.imaging.limits import Limits
from pomona.imaging.preprocessing import PreprocessingSpec
from tests.hostile_decoder import HANG, hostile
limits = Limits(10**6, 10**8, 100, decode_seconds=3, decode_memory_bytes=64 * 2**20)
decoder = CarefulDecoder(PreprocessingSpec(32, 48, limits))
threading.Thread(target=decoder.preprocess, args=[hostile(HANG)], daemon=True).start()
children = Path("/proc/self/task")
while not (found := " ".join(one.read_text() for one in children.glob("*/children")).split()):
    time.sleep(0.05)
time.sleep(1)
print(*found, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def jpeg(width: int = 200, height: int = 150) -> bytes:
    body = io.BytesIO()
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], -1).astype(np.uint8)
    Image.fromarray(pixels).save(body, "JPEG")
    return body.getvalue()


@pytest.fixture
def decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CarefulDecoder]:
    """One whose child has the hostile decoder. After a kill the next child starts at once."""
    monkeypatch.setattr("pomona.imaging.careful.decoder.SECONDS_AFTER_A_KILL", 0.05)
    shutil.copy(hostile_decoder.__file__, tmp_path / "sitecustomize.py")
    monkeypatch.syspath_prepend(tmp_path)
    decoder = CarefulDecoder(WANTED)
    yield decoder
    decoder.close()


def children() -> set[int]:
    found = [path.read_text().split() for path in Path("/proc/self/task").glob("*/children")]
    return {int(number) for numbers in found for number in numbers}


def reason(decoder: CarefulDecoder, body: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decoder.preprocess(body)
    return str(caught.value)


def test_an_image_is_what_it_is_without_a_child_process(decoder):
    for body in (jpeg(), jpeg(40, 300)):
        careful, usual = decoder.preprocess(body), preprocess(body, WANTED)
        assert np.array_equal(careful.pixels, usual.pixels)
        assert (careful.width, careful.height) == (usual.width, usual.height)


def test_a_file_that_is_no_image_has_the_usual_reason(decoder):
    assert reason(decoder, b"just a text") == "not an image: it begins with text"
    assert reason(decoder, b"") == "empty object"


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        (CRASH, "cannot be decoded: its decoder crashed (SIGSEGV)"),
        (ABORT, "cannot be decoded: its decoder crashed (SIGABRT)"),
        (GROW, "cannot be decoded: its decoder needed more than 64 MB"),
        (HANG, "cannot be decoded: its decoder took longer than 1 s"),
    ],
)
def test_a_child_that_dies_makes_its_image_an_error_and_no_other(decoder, marker, said):
    # Given good images before and after one that kills the process, as the first and as a later one
    assert reason(decoder, hostile(marker)) == said
    assert decoder.preprocess(jpeg()).width == 200
    assert reason(decoder, hostile(marker)) == said
    assert decoder.preprocess(jpeg()).width == 200


def test_what_an_earlier_image_did_to_the_child_is_not_held_against_a_later_one(decoder):
    # Given images each of which leaves the child so little memory that there is no room for another
    assert LIMITS.decode_memory_bytes < 2 * KEPT_BYTES
    # Then each is decoded all the same, by a child that is started for it
    assert [decoder.preprocess(hostile(KEEP)).width for _ in range(3)] == [2, 2, 2]


def test_an_image_is_not_blamed_because_the_kernel_kills_its_child_for_memory(decoder, tmp_path, monkeypatch):
    # Given a container that is out of memory: no decoder kills its process in this way
    monkeypatch.setenv(DEATHS, str(tmp_path / "deaths"))
    # When the child is killed twice, and then there is room again
    decoded = decoder.preprocess(hostile(KILL_TWICE))
    # Then the image is decoded
    assert (decoded.width, (tmp_path / "deaths").read_bytes()) == (2, b"..")


def test_an_image_whose_child_is_killed_each_time_costs_its_batch_one_row(decoder):
    assert reason(decoder, hostile(KILL)) == "cannot be decoded: its decoder crashed (SIGKILL)"
    assert decoder.preprocess(jpeg()).width == 200


def test_the_child_has_no_credentials_and_ends_with_its_decoder(decoder, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    before = children()
    decoder.preprocess(jpeg())
    (child,) = children() - before
    assert b"secret" not in Path(f"/proc/{child}/environ").read_bytes()
    decoder.close()
    assert children() == before


def test_a_child_whose_parent_is_killed_ends_though_its_image_never_does(tmp_path):
    # Given a worker that Spark kills in the middle of an image that never ends
    shutil.copy(hostile_decoder.__file__, tmp_path / "sitecustomize.py")
    path = os.pathsep.join([str(tmp_path), str(ROOT), str(ROOT / "contract"), str(ROOT / "emr_job")])
    parent = subprocess.run(
        [sys.executable, "-c", DYING_PARENT],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    assert parent.returncode == -signal.SIGKILL
    orphan = Path(f"/proc/{parent.stdout.strip()}")
    # Then the child is ended by its own clock
    deadline = time.monotonic() + 30
    while orphan.exists() and "Z" not in (orphan / "stat").read_text().split()[2]:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_child_that_does_not_start_is_no_images_fault(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(JobError, match="the process that decodes images did not start: exit status 1"):
        CarefulDecoder(WANTED).preprocess(jpeg())


@pytest.mark.parametrize("kind", [resource.RLIMIT_AS, resource.RLIMIT_DATA])
def test_a_process_may_grow_so_much_and_no_more_until_the_block_ends(kind):
    before = resource.getrlimit(kind)
    with limited_growth(kind, 2**28):
        assert len(bytearray(2**27)) == 2**27
        with pytest.raises(MemoryError):
            bytearray(2**29)
    assert resource.getrlimit(kind) == before


def test_a_process_that_hangs_in_native_code_is_killed():
    limits = "from pomona.imaging.careful.process_limits import killed_after"
    hang = f"import ctypes\n{limits}\nwith killed_after(.2): ctypes.PyDLL(None).pause()"
    ended = subprocess.run([sys.executable, "-c", hang], cwd=ROOT / "emr_job", check=False, timeout=60)
    assert ended.returncode == -signal.SIGALRM


def test_a_block_that_ends_in_time_leaves_no_clock_behind():
    with killed_after(60):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
