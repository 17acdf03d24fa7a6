"""The results of refits in the lake, and `results/latest.json`, which names the newest of them."""

import io
import json
import logging
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from botocore.exceptions import ClientError

from pomona.errors import JobError
from pomona.projection import FittedModel, load_model
from pomona.s3.objects import error_code, list_objects, read_bytes, remove_folder, s3_client
from pomona_contract.documents import latest_results
from pomona_contract.lake_layout import LATEST_RESULTS, MODEL, MODEL_DOCUMENT, RESULTS, results_folder

RESULTS_KEPT = 14
log = logging.getLogger("pomona.refit")
FOLDER = re.compile(rf"{RESULTS}\d+(-2)?/")
ATTEMPTS = 20
LOST_RACE = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "412", "409", "404"}


@dataclass(frozen=True)
class ResultsFolder:
    """The results of one snapshot of the table: `results/<snapshot id>/` in the lake bucket.

    A refit of the same snapshot with other settings writes to `results/<snapshot id>-2/` while `latest.json` names the
    first folder, and to the first while it names the second. So the results that it names stay complete.
    """

    bucket: str
    snapshot_id: int
    is_second: bool = False

    @classmethod
    def beside_latest(cls, bucket: str, snapshot_id: int, components: str, backbone: str) -> Self:
        """Return the folder for a refit with these settings; `latest.json` does not name it for other settings."""
        latest, _ = _read_latest(bucket)
        first, second = cls(bucket, snapshot_id), cls(bucket, snapshot_id, is_second=True)
        if latest is None or latest.get("prefix") not in (first.prefix, second.prefix):
            return first
        is_repeated = (latest.get("components_asked"), latest.get("backbone")) == (components, backbone)
        return first if (latest["prefix"] == first.prefix) == is_repeated else second

    @property
    def prefix(self) -> str:
        """Return the folder's key, with a slash at its end."""
        return results_folder(self.snapshot_id, is_second=self.is_second)

    def put(self, name: str, content: bytes, content_type: str) -> None:
        """Write one file of the results, replacing an older one."""
        s3_client().put_object(Bucket=self.bucket, Key=self.prefix + name, Body=content, ContentType=content_type)

    def part_key(self, partition: int) -> str:
        """Return the key of the projections of one partition."""
        return f"{self.prefix}projections/part-{partition:05d}.parquet"

    def remove_projections(self) -> None:
        """Remove the parts of an earlier refit of this snapshot, which may be more than this refit writes."""
        remove_folder(self.bucket, f"{self.prefix}projections/")


def remove_old(bucket: str) -> list[str]:
    """Remove all results but the RESULTS_KEPT newest and those that latest.json names; return the removed prefixes.

    A lifecycle rule cannot do this, because the newest results of a table that does not change are old.
    """
    current, _ = _read_latest(bucket)
    newest = {prefix: max(written.values()) for prefix, written in _folders(bucket).items()}
    kept = {*sorted(newest, key=lambda prefix: newest[prefix])[-RESULTS_KEPT:], (current or {}).get("prefix")}
    return _removed(bucket, set(newest) - kept)


def remove_unfinished(bucket: str) -> list[str]:
    """Remove the results that lack their last file, and return the removed prefixes.

    For the beginning of a refit, beside which no other runs: such results were left by one that was killed. They may
    show images that were erased after it had read them, when nobody else looks for them any more.
    """
    current, _ = _read_latest(bucket)
    unfinished = {prefix for prefix, written in _folders(bucket).items() if prefix + MODEL_DOCUMENT not in written}
    return _removed(bucket, unfinished - {(current or {}).get("prefix")})


def _folders(bucket: str) -> dict[str, dict[str, datetime]]:
    """Return when each file of each folder of results was written."""
    found: dict[str, dict[str, datetime]] = {}
    for key, written_at in list_objects(bucket, RESULTS):
        if FOLDER.match(key):
            found.setdefault(key[: key.index("/", len(RESULTS)) + 1], {})[key] = written_at
    return found


def _removed(bucket: str, prefixes: set[str]) -> list[str]:
    for prefix in sorted(prefixes):
        remove_folder(bucket, prefix)
    return sorted(prefixes)


def earlier_model(bucket: str, backbone: str) -> FittedModel | None:
    """Return the model that `latest.json` names, if it is of this backbone (its label) and can be read."""
    latest, _ = _read_latest(bucket)
    if latest is None or latest.get("backbone") != backbone or not latest.get("prefix"):
        return None
    body = read_bytes(bucket, latest["prefix"] + MODEL)
    try:
        return load_model(io.BytesIO(body)) if body is not None else None
    except ValueError as error:
        log.warning("the model of the last refit cannot be read, so nothing is compared with it: %s", error)
        return None


def move_latest(bucket: str, newest: dict[str, Any]) -> bool:
    """Write `newest` to `latest.json` and return True; return False if that names a newer snapshot of the table.

    The write is conditional (If-Match) and repeated after a lost race, so a slow refit never sets the pointer back. The
    same snapshot may be written again.

    Raises:
        FormatError: `latest.json` has an unknown format.
        JobError: every attempt lost a race.
    """
    for _ in range(ATTEMPTS):
        current, etag = _read_latest(bucket)
        if current and _is_newer(current, newest):
            return False
        if _write_if_unchanged(bucket, newest, etag):
            return True
    raise JobError(
        f"{LATEST_RESULTS} was changed by others {ATTEMPTS} times in a row; the results are there, the pointer is not"
    )


def _is_newer(current: dict[str, Any], newest: dict[str, Any]) -> bool:
    """Return True if `current` is of a newer snapshot of the same table.

    Only sequence numbers of the same table, told by its UUID, are compared: a new table starts again. A document of an
    earlier release has no UUID; then the time of the commit decides.
    """
    if "table_uuid" in current:
        order = "sequence_number"
        is_same = current["table_uuid"] == newest["table_uuid"]
    else:
        order = "committed_at" if "committed_at" in current else "sequence_number"
        is_same = True
    return bool(is_same and current[order] > newest[order])


def _read_latest(bucket: str) -> tuple[dict[str, Any] | None, str | None]:
    try:
        answer = s3_client().get_object(Bucket=bucket, Key=LATEST_RESULTS)
    except ClientError as error:
        if error_code(error) == "NoSuchKey":
            return None, None
        raise
    return latest_results.FORMAT.decode_fields(LATEST_RESULTS, answer["Body"].read()), answer["ETag"]


def _write_if_unchanged(bucket: str, document: dict[str, Any], etag: str | None) -> bool:
    condition: dict[str, Any] = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
    body = json.dumps(document, indent=1).encode()
    try:
        s3_client().put_object(
            Bucket=bucket, Key=LATEST_RESULTS, Body=body, ContentType="application/json", **condition
        )
    except ClientError as error:
        if error_code(error) in LOST_RACE:
            return False
        raise
    return True
