"""What the function may be asked: about an image that is sent, or about one of the images bucket."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pomona_identify.errors import RefusedError

MOST_KEY_BYTES = 1024
FORMS = '{"image": the file in base64} or {"bucket": ..., "key": ...}'


@dataclass(frozen=True)
class SentImage:
    """An image file."""

    body: bytes


@dataclass(frozen=True)
class StoredImage:
    """An object of the images bucket."""

    bucket: str
    key: str


@dataclass(frozen=True)
class Question:
    """What does this image show? `thumbnails` asks for small pictures of the similar images too."""

    image: SentImage | StoredImage
    thumbnails: bool = False


def question_of(document: object) -> Question:
    """Return the question of an event, or of the JSON of a request; RefusedError for any other document."""
    if not isinstance(document, Mapping):
        raise RefusedError(f"the request must be {FORMS}")
    return Question(_image(document), document.get("thumbnails") is True)


def _image(document: Mapping[str, Any]) -> SentImage | StoredImage:
    encoded, bucket, key = (document.get(name) for name in ("image", "bucket", "key"))
    if isinstance(encoded, str) and bucket is None and key is None:
        return SentImage(decoded(encoded))
    if encoded is None and isinstance(bucket, str) and isinstance(key, str) and bucket and key:
        return StoredImage(bucket, _checked(key))
    raise RefusedError(f"the request must be {FORMS}")


def _checked(key: str) -> str:
    """Return a key that S3 takes; RefusedError for another, to which S3 would answer with an error of its own."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise RefusedError("key has a half of a surrogate pair, which no key of S3 can have") from None
    if size > MOST_KEY_BYTES:
        raise RefusedError(f"key has {size:,} bytes of UTF-8, and a key of S3 has at most {MOST_KEY_BYTES:,}")
    return key


def decoded(text: str) -> bytes:
    """Return what base64 stands for; RefusedError if it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError("image is not base64") from None
