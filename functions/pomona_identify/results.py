"""The newest results, kept in the memory of the function until the lake has newer ones."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pomona.identify.deployed import DeployedResults, NoResultsError, latest_etag
from pomona.imaging.limits import Limits
from pomona_intake.errors import TransientError, transient_errors


@dataclass
class NewestResults:
    """Reads the results again when results/latest.json has changed."""

    s3: Any
    lake: str
    limits: Limits
    backbones: Path = field(default_factory=lambda: Path(tempfile.gettempdir()) / "pomona-backbones")
    _read: DeployedResults | None = None

    def get(self) -> DeployedResults:
        """Return the results that latest.json names now.

        Raises:
            NoResultsError: there are none.
            TransientError: S3 was throttled, unreachable or failing, or the results are being replaced.
        """
        with transient_errors("reading the results"):
            if self._read is None or not self._read.is_newest(self.s3, self.lake):
                self._read = None  # so that two indexes of similar images are never in memory at once
                self._read = self._newest()
            return self._read

    def _newest(self) -> DeployedResults:
        before = latest_etag(self.s3, self.lake)
        try:
            return DeployedResults.read(self.s3, self.lake, self.backbones, self.limits)
        except NoResultsError as error:
            if latest_etag(self.s3, self.lake) == before:
                raise
            # a refit or an erasure has replaced them since
            raise TransientError("the results are being replaced") from error
