"""The arguments that StartJobRun passes to the featurize job, parsed and checked once.

Imports nothing that the archive of packages brings: the archive is checked after the arguments are parsed.
"""

import argparse
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pomona.imaging.limits import Limits
from pomona_contract.image_keys import decode_patterns
from pomona_contract.run_names import RunName


@dataclass(frozen=True)
class FeaturizeArguments:
    """The settings of one attempt at a batch. Every task of the run gets them too."""

    lake_bucket: str
    images_bucket: str
    database: str
    """Of the Glue catalog."""
    table: str
    backbone: str
    """Name of the backbone, without its digest."""
    batch_id: str
    attempt: int
    """1 for the first attempt at the batch."""
    max_image_bytes: int
    """Size of an object in bytes; a larger one becomes an error row, unread."""
    limits: Limits
    """Of decoding one image."""
    timeout_minutes: int
    """EMR Serverless ends the run after this time."""
    snapshot_days: int = 7
    """Snapshots of the table that are older expire."""
    refit_timeout_minutes: int = 240
    """EMR Serverless ends a refit after this time: until then it may read the snapshot that it began with."""
    ignored_names: tuple[str, ...] = ()
    """Shell patterns of names that are no images: keys of such names have no rows."""
    careful: bool = False
    """An earlier attempt has run and failed, and an image may be the cause: each is decoded in a child process."""
    processes: int = 0
    """How many processes of the driver featurize the batch, without executors; 0 if Spark's executors do."""
    backbones: Path | None = None
    """The folder of the backbones; None is the one that job.tar.gz brings."""

    @property
    def run_name(self) -> RunName:
        """Return the name of this attempt: the platform shows it, and it says where the record lies."""
        return RunName(self.batch_id, self.attempt)

    @property
    def longest_refit(self) -> timedelta:
        """Return how long a refit may run."""
        return timedelta(minutes=self.refit_timeout_minutes)

    @property
    def snapshot_properties(self) -> dict[str, str]:
        """Return what the summary of the run's snapshot says of the run."""
        return {"pomona.batch-id": self.batch_id, "pomona.attempt": str(self.attempt)}


def parse_arguments(arguments: list[str]) -> FeaturizeArguments:
    """Return the arguments as FeaturizeArguments. argparse ends the process if one is missing or unknown."""
    parsed = vars(_parser().parse_args(arguments))
    limits = Limits(
        max_image_pixels=parsed.pop("max_image_pixels"),
        max_decoded_bytes=parsed.pop("max_decoded_bytes"),
        max_jpeg_scans=parsed.pop("max_jpeg_scans"),
        decode_seconds=parsed.pop("decode_seconds"),
        decode_memory_bytes=parsed.pop("decode_megabytes") * 2**20,
    )
    return FeaturizeArguments(**parsed | {"careful": parsed["careful"] == "yes"}, limits=limits)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="featurize", description="Make the rows of a batch's keys agree with S3.")
    for name in ("lake-bucket", "images-bucket", "database", "table", "backbone", "batch-id"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--attempt", type=int, required=True)
    for name, too_large in {
        "max-image-bytes": "larger objects become error rows, unread",
        "max-image-pixels": "larger images become error rows, undecoded",
        "max-decoded-bytes": "images that need more memory become error rows, undecoded",
        "max-jpeg-scans": "JPEGs of more scans become error rows, undecoded",
    }.items():
        parser.add_argument(f"--{name}", type=int, required=True, help=too_large)
    parser.add_argument("--decode-seconds", type=float, default=Limits.decode_seconds, help="for decoding one image")
    parser.add_argument(
        "--decode-megabytes",
        type=int,
        default=Limits.decode_memory_bytes // 2**20,
        help="of memory, for decoding one image",
    )
    parser.add_argument("--timeout-minutes", type=int, required=True, help="when the platform ends this run")
    parser.add_argument("--snapshot-days", type=int, default=7, help="older snapshots of the table expire")
    parser.add_argument("--refit-timeout-minutes", type=int, default=240, help="when the platform ends a refit")
    parser.add_argument("--careful", choices=("yes",), help="decode each image in a child process")
    parser.add_argument("--processes", type=int, default=0, help="of the driver, in place of Spark's executors")
    parser.add_argument(
        "--ignored-names", type=decode_patterns, default=(), help="patterns of names that are no images"
    )
    return parser
