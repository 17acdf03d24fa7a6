"""Images of the images bucket: one that is asked about, and small pictures of the similar ones."""

import base64
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pomona.errors import first_line
from pomona.imaging.errors import ImageError
from pomona.imaging.limits import Limits
from pomona.imaging.preprocessing import PreprocessingSpec, preprocess
from pomona.imaging.thumbnail import webp_thumbnail
from pomona_identify.errors import ForbiddenError, ImageMissingError, TooLargeError
from pomona_identify.questions import StoredImage
from pomona_intake.errors import is_transient, status_of, transient_errors

PIXELS, MOST_BYTES = 160, 8_000
"""Of a thumbnail: its longer side, and its size as WebP."""
LARGEST_FOR_A_THUMBNAIL_BYTES = 16 * 2**20
MOST_DECODED_BYTES = 128 * 2**20
SECONDS = 5.0
"""After that no further thumbnail is made."""
THREADS = 8
SHOWN_CHARACTERS = 300


@dataclass(frozen=True)
class ImagesBucket:
    """The images bucket, as far as the function may read it."""

    s3: Any
    name: str
    most_bytes: int
    """Of an image that is asked about."""
    limits: Limits

    def read(self, image: StoredImage) -> bytes:
        """Return the content of an image.

        Raises:
            ForbiddenError: it is in another bucket.
            ImageMissingError: it is not there, or it may not be read.
            TooLargeError: it has more bytes than the job reads.
            ImageError: S3 does not give it out, as an object under its owner's key.
            TransientError: S3 was throttled, unreachable or failing.
        """
        if image.bucket != self.name:
            raise ForbiddenError(f"bucket must be {self.name}: no other bucket is read")
        with transient_errors("reading the image"):
            try:
                answer = self.s3.get_object(Bucket=self.name, Key=image.key)
            except ClientError as error:
                # without s3:ListBucket S3 says 403 for an object that is not there
                if status_of(error) in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
                    raise ImageMissingError("the bucket has no such image, or identify may not read it") from None
                if is_transient(error):
                    raise
                raise ImageError(f"S3 does not give the object out: {first_line(error, SHOWN_CHARACTERS)}") from None
            size = answer["ContentLength"]
            if size > self.most_bytes:
                answer["Body"].close()
                raise TooLargeError(f"too large: {size:,} bytes is above the limit of {self.most_bytes:,}")
            return bytes(answer["Body"].read())

    def thumbnails(self, keys: Sequence[str]) -> list[str | None]:
        """Return a data URL of a small WebP for each key, None for an image that is gone, large or late.

        They are read at the time of the answer and kept nowhere, so an image that was erased has none.
        """
        deadline = time.monotonic() + SECONDS
        with ThreadPoolExecutor(THREADS) as pool:
            return list(self._made(pool.map(self._content, keys), deadline))

    def _made(self, contents: Iterator[bytes | None], deadline: float) -> Iterator[str | None]:
        for content in contents:
            late = content is None or time.monotonic() > deadline
            yield None if content is None or late else self._thumbnail(content)

    def _content(self, key: str) -> bytes | None:
        try:
            answer = self.s3.get_object(Bucket=self.name, Key=key)
            if answer["ContentLength"] > LARGEST_FOR_A_THUMBNAIL_BYTES:
                answer["Body"].close()
                return None
            return bytes(answer["Body"].read())
        except (ClientError, BotoCoreError):
            return None

    def _thumbnail(self, content: bytes) -> str | None:
        limits = replace(self.limits, max_decoded_bytes=min(MOST_DECODED_BYTES, self.limits.max_decoded_bytes))
        try:
            picture = webp_thumbnail(preprocess(content, PreprocessingSpec(PIXELS, PIXELS, limits)), MOST_BYTES)
        except (ImageError, MemoryError):
            return None
        return None if picture is None else f"data:image/webp;base64,{base64.b64encode(picture).decode()}"
