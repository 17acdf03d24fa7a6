"""Versions of objects: listing and deleting them, so that no object can be restored."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pomona_cli.errors import CliError
from pomona_cli.parallel import parallel_map

_REQUESTS_AT_ONCE = 8
_PER_REQUEST = 1000
# XML, in which DeleteObjects sends its keys, cannot hold these characters
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@dataclass(frozen=True)
class Version:
    """A version of an object, or a delete marker."""

    key: str
    version_id: str
    is_marker: bool


class Versions:
    """The versions of a bucket's objects. Without versioning each object has one version with the id `null`."""

    def __init__(self, s3: Any, bucket: str) -> None:  # noqa: ANN401 - boto3's clients
        self._s3 = s3
        self._bucket = bucket

    def below(self, prefix: str) -> Iterator[Version]:
        """Yield every version of every key that begins with the prefix, in the order of the keys."""
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=prefix)
        for page in pages:
            listed = [(found, name) for name in ("Versions", "DeleteMarkers") for found in page.get(name, ())]
            for found, name in sorted(listed, key=lambda one: str(one[0]["Key"])):
                yield Version(found["Key"], found["VersionId"], is_marker=name == "DeleteMarkers")

    def of(self, keys: Iterable[str]) -> Iterator[Version]:
        """Yield every version of these keys."""
        for versions in parallel_map(_REQUESTS_AT_ONCE, self._of_one, keys):
            yield from versions

    def _of_one(self, key: str) -> list[Version]:
        """Return the versions of a key. S3 lists the key itself before the other keys that begin with it."""
        found: list[Version] = []
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=key)
        for page in pages:
            listed = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            own = [one for one in listed if one["Key"] == key]
            found += [Version(key, one["VersionId"], is_marker="ETag" not in one) for one in own]
            if len(own) < len(listed):
                break
        return found

    def delete(self, versions: Iterable[Version]) -> Iterator[list[Version]]:
        """Delete the versions and yield those of each request that is done; CliError for a version that S3 refuses."""
        yield from parallel_map(_REQUESTS_AT_ONCE, self._delete_some, _chunks(iter(versions)))

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
