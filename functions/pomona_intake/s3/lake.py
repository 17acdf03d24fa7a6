"""Read and write the lake bucket: whole small objects, written and deleted under conditions."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from pomona_intake.errors import TransientError, code_of, lost_races, transient_errors

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

_MAX_DELETIONS = 1000  # of one DeleteObjects
_MOVED_AT_ONCE = 200  # bounds the copies that a crash repeats


@dataclass(frozen=True)
class StoredObject:
    """An object's content and the etag it had when read."""

    body: bytes
    etag: str


class Lake:
    """One bucket. Every method raises TransientError when S3 was throttled, unreachable or failing."""

    def __init__(self, client: "S3Client", bucket: str, copies_at_once: int = 8) -> None:
        self._client = client
        self._bucket = bucket
        self._copies_at_once = copies_at_once

    def read(self, name: str) -> StoredObject | None:
        """Return the object; None if S3 answers NoSuchKey."""
        with transient_errors(f"reading {name}"):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=name)
            except ClientError as error:
                if code_of(error) == "NoSuchKey":
                    return None
                raise
            return StoredObject(answer["Body"].read(), answer["ETag"])

    def create(self, name: str, body: bytes) -> str:
        """Write a new object and return its etag.

        Raises:
            PreconditionFailedError: it exists. botocore's retry of a creation whose answer was lost gets this too.
            WriteConflictError: another caller was creating it; whether it exists now is unknown.
        """
        with lost_races(f"creating {name}"):
            return self._client.put_object(Bucket=self._bucket, Key=name, Body=body, IfNoneMatch="*")["ETag"]

    def replace(self, name: str, body: bytes, etag: str) -> str:
        """Replace the object that has this etag and return the new etag; raise LostRaceError if it has changed."""
        with lost_races(f"replacing {name}"):
            return self._client.put_object(Bucket=self._bucket, Key=name, Body=body, IfMatch=etag)["ETag"]

    def write(self, name: str, body: bytes) -> None:
        """Write an object unconditionally: the last writer wins."""
        with transient_errors(f"writing {name}"):
            self._client.put_object(Bucket=self._bucket, Key=name, Body=body)

    def move(self, targets: Mapping[str, str]) -> None:
        """Let S3 copy each object to its target, then delete the object; skip objects that are gone.

        Repeated after a crash, it continues where it ended. The memory does not depend on the objects' size.
        """
        names = list(targets)
        for start in range(0, len(names), _MOVED_AT_ONCE):
            chunk = names[start : start + _MOVED_AT_ONCE]
            self._copy_each({name: targets[name] for name in chunk})
            self.delete_all(chunk)

    def _copy_each(self, targets: Mapping[str, str]) -> None:
        if self._copies_at_once == 1:
            for name, target in targets.items():
                self._copy(name, target)
            return
        with ThreadPoolExecutor(self._copies_at_once) as pool:
            list(pool.map(self._copy, targets.keys(), targets.values()))  # list() raises the error of a copy

    def _copy(self, name: str, target: str) -> None:
        source: CopySourceTypeDef = {"Bucket": self._bucket, "Key": name}
        with transient_errors(f"copying {name}"):
            try:
                self._client.copy_object(Bucket=self._bucket, Key=target, CopySource=source)
            except ClientError as error:
                if code_of(error) != "NoSuchKey":
                    raise

    def delete(self, name: str, etag: str) -> None:
        """Delete the object that has this etag; raise LostRaceError if it has another.

        If the object is gone, some stores answer 204 and some 404. Success does not prove that this caller deleted it.
        """
        with lost_races(f"deleting {name}"):
            self._client.delete_object(Bucket=self._bucket, Key=name, IfMatch=etag)

    def delete_all(self, names: Sequence[str]) -> None:
        """Delete objects unconditionally; objects that are gone are no error."""
        for start in range(0, len(names), _MAX_DELETIONS):
            self._delete_some(names[start : start + _MAX_DELETIONS])

    def _delete_some(self, names: Sequence[str]) -> None:
        with transient_errors(f"deleting {len(names)} objects"):
            answer = self._client.delete_objects(
                Bucket=self._bucket, Delete={"Objects": [{"Key": name} for name in names], "Quiet": True}
            )
        if errors := answer.get("Errors"):
            raise TransientError(f"deleting {errors[0].get('Key')}: {errors[0].get('Message')}")

    def names(self, prefix: str) -> Iterator[str]:
        """Yield the names that begin with the prefix, in S3's order."""
        with transient_errors(f"listing {prefix}"):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                yield from (found["Key"] for found in page.get("Contents", ()))

    def children(self, prefix: str) -> Iterator[str]:
        """Yield the names directly below the prefix: objects, and folders with a slash at their end."""
        with transient_errors(f"listing {prefix}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=prefix, Delimiter="/"
            )
            for page in pages:
                yield from (found["Prefix"] for found in page.get("CommonPrefixes", ()))
                yield from (found["Key"] for found in page.get("Contents", ()))
