"""Where a refit's results lie in the lake, and `results/latest.json`, which says which of them are the newest."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from pomona.errors import JobError, MisconfiguredError
from pomona.objects import error_code, list_objects, remove_folder, s3_client

FORMAT = 1
RESULTS = "results/"
RESULTS_KEPT = 14
FOLDER = re.compile(rf"{RESULTS}\d+/")
LATEST = f"{RESULTS}latest.json"
ATTEMPTS = 20
LOST_RACE = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "412", "409", "404"}


@dataclass(frozen=True)
class ResultsFolder:
    """The results of one snapshot of the table: `results/<snapshot id>/` in the lake bucket."""

    bucket: str
    snapshot_id: int

    @property
    def prefix(self) -> str:
        """The folder's key, with the slash at its end."""
        return f"results/{self.snapshot_id}/"

    def put(self, name: str, content: bytes, content_type: str) -> None:
        """Write one file of the results, replacing an older one."""
        s3_client().put_object(Bucket=self.bucket, Key=self.prefix + name, Body=content, ContentType=content_type)

    def part_key(self, partition: int) -> str:
        """The key of the projections of one partition."""
        return f"{self.prefix}projections/part-{partition:05d}.parquet"

    def remove_projections(self) -> None:
        """Remove the parts of an earlier refit of this snapshot, which may have had more of them."""
        remove_folder(self.bucket, f"{self.prefix}projections/")


def remove_old(bucket: str) -> list[str]:
    """Remove all results but the RESULTS_KEPT newest and those that latest.json names; gives the prefixes that went.

    A lifecycle rule cannot: of a table that rests, the newest results are old.
    """
    current, _ = _read_latest(bucket)
    newest: dict[str, datetime] = {}
    for key, written_at in list_objects(bucket, RESULTS):
        if FOLDER.match(key):
            prefix = key[: key.index("/", len(RESULTS)) + 1]
            newest[prefix] = max(written_at, newest.get(prefix, written_at))
    kept = {*sorted(newest, key=lambda prefix: newest[prefix])[-RESULTS_KEPT:], (current or {}).get("prefix")}
    old = sorted(set(newest) - kept)
    for prefix in old:
        remove_folder(bucket, prefix)
    return old


def move_latest(bucket: str, newest: dict[str, Any]) -> bool:
    """Let `latest.json` say `newest`, unless it names a newer snapshot: then nothing changes, and False comes back.

    The newer of two snapshots has the larger `sequence_number`; the same snapshot may be written again. The write is
    conditional on what was read, and whoever loses a race reads again: a slow refit never sets the pointer back.
    Raises MisconfiguredError if what is there was written by another version.
    """
    for _ in range(ATTEMPTS):
        current, etag = _read_latest(bucket)
        if current and current["sequence_number"] > newest["sequence_number"]:
            return False
        if _write_if_unchanged(bucket, newest, etag):
            return True
    raise JobError(
        f"{LATEST} was changed by others {ATTEMPTS} times in a row; the results are there, the pointer is not"
    )


def _read_latest(bucket: str) -> tuple[dict[str, Any] | None, str | None]:
    try:
        answer = s3_client().get_object(Bucket=bucket, Key=LATEST)
    except ClientError as error:
        if error_code(error) == "NoSuchKey":
            return None, None
        raise
    document = json.loads(answer["Body"].read())
    if document.get("format") != FORMAT:
        raise MisconfiguredError(f"{LATEST} has format {document.get('format')!r}, this job writes {FORMAT}")
    return document, answer["ETag"]


def _write_if_unchanged(bucket: str, document: dict[str, Any], etag: str | None) -> bool:
    condition: dict[str, Any] = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
    body = json.dumps(document, indent=1).encode()
    try:
        s3_client().put_object(Bucket=bucket, Key=LATEST, Body=body, ContentType="application/json", **condition)
    except ClientError as error:
        if error_code(error) in LOST_RACE:
            return False
        raise
    return True
