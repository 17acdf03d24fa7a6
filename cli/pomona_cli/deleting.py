"""Deleting objects with all their versions, so that nothing of them can be brought back."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pomona_cli.bounded import bounded_map
from pomona_cli.errors import CliError

_REQUESTS_AT_ONCE = 8
_PER_REQUEST = 1000
# DeleteObjects names its keys in XML, which has no way to write these
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@dataclass(frozen=True)
class Version:
    """A version of an object, or a marker that says it was deleted."""

    key: str
    version_id: str
    is_marker: bool


class Versions:
    """The versions of a bucket's objects. A bucket without versioning has one of each object, with the id null."""

    def __init__(self, s3: Any, bucket: str) -> None:  # noqa: ANN401 - boto3's clients
        self._s3 = s3
        self._bucket = bucket

    def below(self, prefix: str) -> Iterator[Version]:
        """Every version of every key that begins with the prefix, in the order of the keys."""
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=prefix)
        for page in pages:
            listed = [(found, name) for name in ("Versions", "DeleteMarkers") for found in page.get(name, ())]
            for found, name in sorted(listed, key=lambda one: str(one[0]["Key"])):
                yield Version(found["Key"], found["VersionId"], is_marker=name == "DeleteMarkers")

    def of(self, keys: Iterable[str]) -> Iterator[Version]:
        """Every version of these keys."""
        for versions in bounded_map(_REQUESTS_AT_ONCE, self._of_one, keys):
            yield from versions

    def _of_one(self, key: str) -> list[Version]:
        """The key itself sorts before every other key that begins with it."""
        found: list[Version] = []
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=key)
        for page in pages:
            listed = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            mine = [one for one in listed if one["Key"] == key]
            found += [Version(key, one["VersionId"], is_marker="ETag" not in one) for one in mine]
            if len(mine) < len(listed):
                break
        return found

    def delete(self, versions: Iterable[Version]) -> Iterator[list[Version]]:
        """Delete them, and give those of each request that is done. CliError names one that S3 would not delete."""
        yield from bounded_map(_REQUESTS_AT_ONCE, self._delete_some, _chunks(iter(versions)))

    def _delete_some(self, versions: list[Version]) -> list[Version]:
        ordinary = [one for one in versions if not _NOT_IN_XML.search(one.key)]
        if ordinary:
            objects = [{"Key": one.key, "VersionId": one.version_id} for one in ordinary]
            answer = self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
            for error in answer.get("Errors", ()):
                raise CliError(_refusal(error))
        for one in versions:
            if _NOT_IN_XML.search(one.key):
                self._s3.delete_object(Bucket=self._bucket, Key=one.key, VersionId=one.version_id)
        return versions


def _refusal(error: dict[str, str]) -> str:
    return (
        f"S3 did not delete {error.get('Key')!r} (version {error.get('VersionId')}): {error.get('Code')}, "
        f"{error.get('Message')}. It needs s3:DeleteObjectVersion and no object lock; then do it again."
    )


def _chunks(stream: Iterator[Version]) -> Iterator[list[Version]]:
    while chunk := list(islice(stream, _PER_REQUEST)):
        yield chunk
