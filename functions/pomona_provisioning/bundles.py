"""Copy the bundle that `sam build` packed into the lake, from where EMR Serverless runs it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from botocore.exceptions import ClientError

from pomona_contract.documents.bundle import BundleDescription
from pomona_contract.errors import FormatError, TerminalError
from pomona_contract.lake_layout import BUNDLES, bundle_prefix
from pomona_intake.errors import status_of

_NOT_FOUND = 404
BUNDLES_KEPT = 5


class BundleError(TerminalError):
    """The bundle in the function's package cannot be used; the text says what to do."""


@dataclass(frozen=True)
class Bundle:
    """The folder of the files, and its description."""

    folder: Path
    description: BundleDescription

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read the description in a folder; raise BundleError if another release has built it."""
        try:
            return cls(folder, BundleDescription.from_json("bundle.json", (folder / "bundle.json").read_bytes()))
        except FormatError as error:
            raise BundleError(f"{error} Run sam build again.") from error

    @property
    def prefix(self) -> str:
        """Return where the bundle lies in the lake. It is never overwritten: a run in flight keeps its own bundle."""
        return bundle_prefix(self.description.digest)

    def require(self, backbone: str) -> None:
        """Raise BundleError unless the bundle contains the backbone."""
        backbones = self.description.backbones
        if backbone not in backbones:
            raise BundleError(
                f"BackboneName is {backbone}, but the bundle holds {', '.join(backbones) or 'no backbone'}: "
                f"run backbones/export.py {backbone}, sam build and sam deploy again"
            )


def publish(s3: Any, bucket: str, bundle: Bundle, version: str) -> None:  # noqa: ANN401 - boto3's clients have no type
    """Copy each file of the bundle that is not in the bucket yet, then mark which version of the function did it."""
    for name in bundle.description.files:
        key = f"{bundle.prefix}/{name}"
        if size_of(s3, bucket, key) != (bundle.folder / name).stat().st_size:
            s3.upload_file(str(bundle.folder / name), bucket, key)
    s3.put_object(Bucket=bucket, Key=f"{bundle.prefix}/{_mark(version)}", Body=b"")


def published_by(s3: Any, bucket: str, version: str) -> str | None:  # noqa: ANN401
    """Return the prefix of the bundle that a version of the function has published, None if there is none."""
    for prefix, items in _bundles(s3, bucket).items():
        if any(item["Key"] == f"{prefix}/{_mark(version)}" for item in items):
            return prefix
    return None


def _mark(version: str) -> str:
    return f"published-by/{version}"


def remove_old(s3: Any, bucket: str, kept: Iterable[str]) -> list[str]:  # noqa: ANN401
    """Delete all bundles but the BUNDLES_KEPT newest and the named ones; return the prefixes of the deleted ones.

    A lifecycle rule cannot do this, because the bundle in use may be old. A run in flight uses one of the newest.
    """
    bundles = _bundles(s3, bucket)
    newest = sorted(bundles, key=lambda prefix: max(item["LastModified"] for item in bundles[prefix]))
    old = sorted(set(bundles) - set(newest[-BUNDLES_KEPT:]) - set(kept))
    for item in (item for prefix in old for item in bundles[prefix]):
        s3.delete_object(Bucket=bucket, Key=item["Key"])
    return old


def _bundles(s3: Any, bucket: str) -> dict[str, list[Any]]:  # noqa: ANN401
    """Return the objects of each bundle in the lake, by its prefix."""
    found: dict[str, list[Any]] = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=BUNDLES):
        for item in page.get("Contents", ()):
            found.setdefault("/".join(item["Key"].split("/")[:2]), []).append(item)
    return found


def size_of(s3: Any, bucket: str, key: str) -> int | None:  # noqa: ANN401
    """Return the size of an object in bytes; None if there is none."""
    try:
        return int(s3.head_object(Bucket=bucket, Key=key)["ContentLength"])
    except ClientError as error:
        if status_of(error) == _NOT_FOUND:
            return None
        raise
