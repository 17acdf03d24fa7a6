"""The bundle that EMR Serverless runs from: what `sam build` packed, copied to the lake under its own digest."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from botocore.exceptions import ClientError

from pomona_intake.errors import TerminalError

FORMAT = 1
BUNDLES_KEPT = 5


class BundleError(TerminalError):
    """The function was built with a bundle that does not fit what is asked of it."""


@dataclass(frozen=True)
class Bundle:
    """A folder of files, the digest of them all, and the backbones that they hold."""

    folder: Path
    digest: str
    files: tuple[str, ...]
    backbones: tuple[str, ...]

    @classmethod
    def open(cls, folder: Path) -> Self:
        described = json.loads((folder / "bundle.json").read_text())
        if described["format"] != FORMAT:
            raise BundleError(
                f"bundle.json has format {described['format']}, this function reads {FORMAT}: run sam build again"
            )
        return cls(folder, described["digest"], tuple(described["files"]), tuple(described["backbones"]))

    @property
    def prefix(self) -> str:
        """Where the bundle lies in the lake: never overwritten, so that a run in flight keeps what it started with."""
        return f"jobs/{self.digest[:16]}"

    def require(self, backbone: str) -> None:
        if backbone not in self.backbones:
            raise BundleError(
                f"BackboneName is {backbone}, but the bundle holds {', '.join(self.backbones) or 'no backbone'}: "
                f"run backbones/export.py {backbone}, sam build and sam deploy again"
            )


def publish(s3: Any, bucket: str, bundle: Bundle, version: str) -> None:  # noqa: ANN401 - boto3's clients have no type
    """Copy each file of the bundle that is not in the bucket yet, then note which version of the function did."""
    for name in bundle.files:
        key = f"{bundle.prefix}/{name}"
        if _size(s3, bucket, key) != (bundle.folder / name).stat().st_size:
            s3.upload_file(str(bundle.folder / name), bucket, key)
    s3.put_object(Bucket=bucket, Key=f"{bundle.prefix}/{_note(version)}", Body=b"")


def published_by(s3: Any, bucket: str, version: str) -> str | None:  # noqa: ANN401
    """Return the prefix of the bundle that a version of the function has published, None if there is none."""
    for prefix, items in _bundles(s3, bucket).items():
        if any(item["Key"] == f"{prefix}/{_note(version)}" for item in items):
            return prefix
    return None


def _note(version: str) -> str:
    return f"published-by/{version}"


def remove_old(s3: Any, bucket: str, kept: Iterable[str]) -> list[str]:  # noqa: ANN401
    """Remove all bundles but the BUNDLES_KEPT newest and those named, and return the prefixes that went.

    A lifecycle rule cannot: the code that runs may be old. A run that is in flight started with one of the newest.
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
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="jobs/"):
        for item in page.get("Contents", ()):
            found.setdefault("/".join(item["Key"].split("/")[:2]), []).append(item)
    return found


def _size(s3: Any, bucket: str, key: str) -> int | None:  # noqa: ANN401
    try:
        return int(s3.head_object(Bucket=bucket, Key=key)["ContentLength"])
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise
