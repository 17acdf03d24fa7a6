"""What the two kinds of runs have in common in the queue's proof: steps, and the claim that they are for."""

import json
from collections.abc import Callable
from typing import Any

from tests.model.aws import S3


class Process:
    """A process that does one step at a time, and may stop between any two."""

    def __init__(self, lake: S3, begin: Callable[[], None]) -> None:
        self.over = False
        self._lake = lake
        self._next = begin

    def step(self) -> None:
        """One step of the process."""
        if not self.over:
            self._next()

    def finish(self) -> None:
        """Go on to the end."""
        while not self.over:
            self.step()

    def _claim_of(self, batch_id: str, attempt: int) -> dict[str, Any] | None:
        """The claim in flight, if it is for this very attempt."""
        claim = json.loads(self._lake.objects.get("queue/active.json", b"null"))
        mine = claim and (claim["batch_id"], claim["attempt"]) == (batch_id, attempt)
        return claim if mine else None

    def _keys(self, claim: dict[str, Any]) -> list[str]:
        """The dirty keys of the batch, each once."""
        bodies = (self._lake.objects.get(segment["name"], b"") for segment in claim["segments"])
        return sorted({json.loads(line)["key"] for body in bodies for line in body.splitlines()})
