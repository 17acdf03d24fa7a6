"""The newest results of a deployed stack and their network: read from the lake with a client of S3.

The results are held in memory alone: a copy on a disk would survive an erasure. A network holds no image; it is kept
in a folder, under its digest.
"""

import io
import json
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

from pomona.identify.identifier import Identifier
from pomona.identify.neighbours import Neighbours, load_neighbours
from pomona.identify.stored_backbones import NotPublishedError, stored_backbone
from pomona.imaging.limits import Limits
from pomona.inference import InferenceEngine
from pomona.projection import load_model
from pomona_contract.documents.latest_results import LatestResults
from pomona_contract.errors import FormatError, TerminalError
from pomona_contract.lake_layout import EVALUATION, LATEST_RESULTS, MODEL, NEIGHBOURS


class NoResultsError(TerminalError):
    """Nothing can be identified yet: there are no results, or not with what is needed."""


@dataclass(frozen=True, eq=False)
class DeployedResults:
    """An identifier, and where it comes from.

    etag      of results/latest.json when it was read
    accuracy  share of the held-out images that were right; None without an evaluation
    """

    etag: str
    latest: LatestResults
    accuracy: float | None
    identifier: Identifier

    @classmethod
    def read(cls, s3: Any, lake: str, backbones: Path, limits: Limits) -> Self:  # noqa: ANN401 - boto3's clients
        """Read the results that latest.json names, and their network unless the folder `backbones` has it.

        Raises:
            NoResultsError: there are no results, or they are incomplete.
            FormatError: another release wrote them.
        """
        body, etag = _latest(s3, lake)
        latest = LatestResults.from_json(body)
        if latest.prefix is None or latest.backbone is None:
            raise NoResultsError("The results are of an older release: wait for the next refit, or invoke refit.")
        try:
            model = load_model(io.BytesIO(_required(s3, lake, latest.prefix + MODEL)))
            neighbours = _neighbours(s3, lake, latest.prefix)
        except ValueError as error:
            raise FormatError(f"{latest.prefix}: {error}") from error
        try:
            engine = InferenceEngine(stored_backbone(s3, lake, latest.backbone, backbones))
        except NotPublishedError as error:
            raise NoResultsError(str(error)) from error
        return cls(etag, latest, _accuracy(s3, lake, latest.prefix), Identifier(model, neighbours, engine, limits))

    def is_newest(self, s3: Any, lake: str) -> bool:  # noqa: ANN401
        """Return True if latest.json has not changed since it was read; an erasure may have removed it."""
        return latest_etag(s3, lake) == self.etag

    def model_document(self) -> dict[str, Any]:
        """Return what an answer says of the model."""
        return {
            "rows": self.latest.rows,
            "refitted_at": self.latest.refitted_at,
            "accuracy": self.accuracy,
            "snapshot_id": self.latest.snapshot_id,
            "backbone": self.latest.backbone,
        }


def latest_etag(s3: Any, lake: str) -> str | None:  # noqa: ANN401
    """Return the etag of latest.json; None if there is none."""
    try:
        return str(s3.head_object(Bucket=lake, Key=LATEST_RESULTS)["ETag"])
    except s3.exceptions.ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND:
            return None
        raise


def _latest(s3: Any, lake: str) -> tuple[bytes, str]:  # noqa: ANN401
    try:
        answer = s3.get_object(Bucket=lake, Key=LATEST_RESULTS)
    except s3.exceptions.NoSuchKey:
        raise NoResultsError("There are no results yet: wait for the first refit, or invoke refit.") from None
    return answer["Body"].read(), answer["ETag"]


def _read(s3: Any, lake: str, key: str) -> bytes | None:  # noqa: ANN401
    try:
        body: bytes = s3.get_object(Bucket=lake, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    return body


def _required(s3: Any, lake: str, key: str) -> bytes:  # noqa: ANN401
    body = _read(s3, lake, key)
    if body is None:
        raise NoResultsError(f"{key} is missing in the lake: wait for the next refit, or invoke refit.")
    return body


def _neighbours(s3: Any, lake: str, prefix: str) -> Neighbours | None:  # noqa: ANN401
    body = _read(s3, lake, prefix + NEIGHBOURS)
    return None if body is None else load_neighbours(io.BytesIO(body)).widened()


def _accuracy(s3: Any, lake: str, prefix: str) -> float | None:  # noqa: ANN401
    body = _read(s3, lake, prefix + EVALUATION)
    found = None if body is None else json.loads(body).get("accuracy")
    return None if found is None else float(found)
