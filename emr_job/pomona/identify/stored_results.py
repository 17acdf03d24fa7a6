"""The files of the newest refit, read from the lake with a client of S3: NumPy is all this needs."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from pomona.identify.neighbours import Neighbours, load_neighbours
from pomona.projection import FittedModel, load_model
from pomona_contract.documents.latest_results import LatestResults
from pomona_contract.errors import FormatError, TerminalError
from pomona_contract.lake_layout import LATEST_RESULTS, MODEL, NEIGHBOURS


class NoResultsError(TerminalError):
    """Nothing can be identified yet: there are no results, or not with what is needed."""


@dataclass(frozen=True, eq=False)
class StoredResults:
    """The files of the newest results in the lake, each read when it is asked for.

    etag      of results/latest.json when it was read
    prefix    the folder of the results
    backbone  label of the network that they were fitted with
    """

    s3: Any
    lake: str
    etag: str
    latest: LatestResults
    prefix: str
    backbone: str

    @classmethod
    def newest(cls, s3: Any, lake: str) -> Self:  # noqa: ANN401 - boto3's clients
        """Read `latest.json`.

        Raises:
            NoResultsError: there are no results, or they are of an older release.
            FormatError: another release wrote them.
        """
        body, etag = _latest(s3, lake)
        latest = LatestResults.from_json(body)
        if latest.prefix is None or latest.backbone is None:
            raise NoResultsError("The results are of an older release: wait for the next refit, or run `pomona refit`.")
        return cls(s3, lake, etag, latest, latest.prefix, latest.backbone)

    def model(self) -> FittedModel:
        """Return the model; NoResultsError if it is missing, FormatError if another release wrote it."""
        with self._read_by_this_release():
            return load_model(io.BytesIO(required_object(self.s3, self.lake, self.prefix + MODEL)))

    def neighbours(self) -> Neighbours | None:
        """Return the index of similar images; None if the table is too large for one. FormatError as `model`."""
        body = read_object(self.s3, self.lake, self.prefix + NEIGHBOURS)
        with self._read_by_this_release():
            return None if body is None else load_neighbours(io.BytesIO(body))

    @contextmanager
    def _read_by_this_release(self) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            raise FormatError(f"{self.prefix}: {error}") from error


def _latest(s3: Any, lake: str) -> tuple[bytes, str]:  # noqa: ANN401
    try:
        answer = s3.get_object(Bucket=lake, Key=LATEST_RESULTS)
    except s3.exceptions.NoSuchKey:
        raise NoResultsError("There are no results yet: wait for the first refit, or run `pomona refit`.") from None
    return answer["Body"].read(), answer["ETag"]


def read_object(s3: Any, lake: str, key: str) -> bytes | None:  # noqa: ANN401
    """Return the content of an object of the lake; None if there is none."""
    try:
        body: bytes = s3.get_object(Bucket=lake, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    return body


def required_object(s3: Any, lake: str, key: str) -> bytes:  # noqa: ANN401
    """Return the content of an object of the lake; NoResultsError if there is none."""
    body = read_object(s3, lake, key)
    if body is None:
        raise NoResultsError(f"{key} is missing in the lake: wait for the next refit, or run `pomona refit`.")
    return body
