"""What the function may be asked: about an image that is sent, or about one of the images bucket."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pomona_contract.image_keys import MAX_KEY_BYTES, is_possible_key
from pomona_identify.errors import RefusedError

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
        if not is_possible_key(key):
            raise RefusedError(f"no object of S3 can have this key: it must be UTF-8 of up to {MAX_KEY_BYTES:,} bytes")
        return StoredImage(bucket, key)
    raise RefusedError(f"the request must be {FORMS}")


def decoded(text: str) -> bytes:
    """Return what base64 stands for; RefusedError if it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError("image is not base64") from None
