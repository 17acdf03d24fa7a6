"""The bundle that EMR Serverless runs from: what `sam build` packed, copied to the lake under its own digest."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from botocore.exceptions import ClientError

from intake.errors import TerminalError

FORMAT = 1


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


def publish(s3: Any, bucket: str, bundle: Bundle) -> None:  # noqa: ANN401 - boto3's clients have no static type
    """Copies each file of the bundle that is not in the bucket yet; a repeated call copies nothing."""
    for name in bundle.files:
        key = f"{bundle.prefix}/{name}"
        if _size(s3, bucket, key) != (bundle.folder / name).stat().st_size:
            s3.upload_file(str(bundle.folder / name), bucket, key)


def _size(s3: Any, bucket: str, key: str) -> int | None:  # noqa: ANN401
    try:
        return int(s3.head_object(Bucket=bucket, Key=key)["ContentLength"])
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise
