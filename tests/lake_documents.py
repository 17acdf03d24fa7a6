"""Documents in the lake, as a test looks at them."""

import json
from typing import Any

from pomona.s3.objects import read_bytes


def read_json(bucket: str, key: str) -> dict[str, Any] | None:
    """The JSON document at `key`; None if there is no object."""
    body = read_bytes(bucket, key)
    return None if body is None else json.loads(body)
