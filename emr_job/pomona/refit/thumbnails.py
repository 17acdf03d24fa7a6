"""Small pictures of some images for the report, made from the images bucket within a limit of time."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue

from pomona.errors import JobError
from pomona.imaging.careful.decoder import CarefulDecoder
from pomona.imaging.errors import ImageError
from pomona.imaging.limits import Limits
from pomona.imaging.preprocessing import PreprocessedImage, PreprocessingSpec
from pomona.imaging.thumbnail import webp_thumbnail
from pomona.s3.image_fetcher import FetchStatus, ImageFetcher, KeyToFetch
from pomona.s3.object_store import Timeouts
from pomona.s3.read_ahead import ByteBudget

PIXELS = 96
MOST_THUMBNAILS = 200
MOST_BYTES = 3000
SECONDS = 20.0
"""After that no further image is fetched."""
FETCH_THREADS, DECODERS = 8, 2
FETCHED_BYTES = 64 * 2**20
LARGEST_IMAGE_BYTES = 64 * 2**20
TIMEOUTS = Timeouts(connect_seconds=2, read_seconds=3, object_seconds=5)
# The report's own limits, below those of a featurize run: an image that costs more has no thumbnail.
LIMITS = Limits(
    max_image_pixels=100_000_000,
    max_decoded_bytes=512 * 2**20,
    max_jpeg_scans=100,
    decode_seconds=4,
    decode_memory_bytes=640 * 2**20,
)
SPEC = PreprocessingSpec(PIXELS, PIXELS, LIMITS)
log = logging.getLogger("pomona.refit")


def make_thumbnails(bucket: str, keys: Sequence[str], seconds: float = SECONDS) -> dict[str, bytes]:
    """Return WebP pictures of at most MOST_BYTES, upright, PIXELS at the longer side, by key.

    Images are decoded in child processes, so no image can end the refit. An image that is gone, cannot be decoded or
    does not arrive in time has no thumbnail; at most MOST_THUMBNAILS of the keys are tried.
    """
    wanted = list(dict.fromkeys(keys))[:MOST_THUMBNAILS]
    if not wanted:
        return {}
    deadline = time.monotonic() + seconds
    budget = ByteBudget(FETCHED_BYTES)
    fetcher = ImageFetcher(bucket, LARGEST_IMAGE_BYTES, budget, TIMEOUTS)
    with _decoders() as decode, ThreadPoolExecutor(FETCH_THREADS, thread_name_prefix="thumbnails") as pool:

        def make(key: str) -> bytes | None:
            return None if time.monotonic() > deadline else _thumbnail(fetcher, budget, decode, key)

        made = dict(zip(wanted, pool.map(make, wanted), strict=True))
    found = {key: picture for key, picture in made.items() if picture is not None}
    if len(found) < len(wanted):
        log.warning("%d of %d thumbnails of the report could not be made", len(wanted) - len(found), len(wanted))
    return found


Decode = Callable[[bytes], PreprocessedImage]


@contextmanager
def _decoders() -> Iterator[Decode]:
    """Yield a function for any number of threads, which decodes in DECODERS child processes."""
    decoders = [CarefulDecoder(SPEC) for _ in range(DECODERS)]
    free: SimpleQueue[CarefulDecoder] = SimpleQueue()
    for decoder in decoders:
        free.put(decoder)

    def decode(body: bytes) -> PreprocessedImage:
        decoder = free.get()
        try:
            return decoder.preprocess(body)
        finally:
            free.put(decoder)

    try:
        yield decode
    finally:
        for decoder in decoders:
            decoder.close()


def _thumbnail(fetcher: ImageFetcher, budget: ByteBudget, decode: Decode, key: str) -> bytes | None:
    try:
        fetched = fetcher.fetch(KeyToFetch(key, etag=None, known=True))
        if fetched.status != FetchStatus.FOUND:
            return None
        try:
            return webp_thumbnail(decode(fetched.body), MOST_BYTES)
        finally:
            budget.give_back(len(fetched.body))
    except (ImageError, JobError, MemoryError):
        return None
    except Exception:  # whatever a picture costs, the refit goes on
        log.warning("a thumbnail of the report could not be made", exc_info=True)
        return None
