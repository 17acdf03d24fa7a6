"""The newest results, kept in the memory of the function until the lake has newer ones."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pomona.identify.deployed import DeployedResults
from pomona.imaging.limits import Limits


@dataclass
class NewestResults:
    """Reads the results again when results/latest.json has changed."""

    s3: Any
    lake: str
    limits: Limits
    backbones: Path = field(default_factory=lambda: Path(tempfile.gettempdir()) / "pomona-backbones")
    _read: DeployedResults | None = None

    def get(self) -> DeployedResults:
        """Return the results that latest.json names now; NoResultsError if there are none."""
        if self._read is None or not self._read.is_newest(self.s3, self.lake):
            self._read = None  # so that two indexes of similar images are never in memory at once
            self._read = DeployedResults.read(self.s3, self.lake, self.backbones, self.limits)
        return self._read
