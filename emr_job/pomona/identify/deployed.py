"""The newest results of a deployed stack and their network: read from the lake with a client of S3.

The results are held in memory alone: a copy on a disk would survive an erasure. A network holds no image; it is kept
in a folder, under its digest.
"""

import json
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

from pomona.identify.identifier import Identifier
from pomona.identify.stored_backbones import NotPublishedError, stored_backbone
from pomona.identify.stored_results import NoResultsError, StoredResults, read_object
from pomona.imaging.limits import Limits
from pomona.inference import InferenceEngine
from pomona_contract.documents.latest_results import LatestResults
from pomona_contract.lake_layout import EVALUATION, LATEST_RESULTS

__all__ = ["DeployedResults", "NoResultsError"]


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
        stored = StoredResults.newest(s3, lake)
        model, neighbours = stored.model(), stored.neighbours()
        if neighbours is not None:
            neighbours = neighbours.widened()  # converted once, not with each search
        try:
            engine = InferenceEngine(stored_backbone(s3, lake, stored.backbone, backbones))
        except NotPublishedError as error:
            raise NoResultsError(str(error)) from error
        accuracy = _accuracy(s3, lake, stored.prefix)
        return cls(stored.etag, stored.latest, accuracy, Identifier(model, neighbours, engine, limits))

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


def _accuracy(s3: Any, lake: str, prefix: str) -> float | None:  # noqa: ANN401
    body = read_object(s3, lake, prefix + EVALUATION)
    try:
        return None if body is None else float(json.loads(body)["accuracy"])
    except (ValueError, KeyError, TypeError):  # damaged, or no class could be evaluated
        return None
