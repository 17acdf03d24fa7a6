"""What the queue needs to know about a run, on whichever lane it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Protocol

from pomona_contract.prices import BilledHours


class Phase(Enum):
    """What the queue needs to know about a run's state."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True)
class RunState:
    """A run's phase and what is known of it."""

    phase: Phase
    details: str
    run_id: str = ""
    name: str = ""
    state: str = ""  # as EMR Serverless names it
    seconds: int | None = None  # of the whole run; None until it is known
    billed: BilledHours | None = None  # None until it is known
    was_running: bool = False  # whether the job itself ever ran, as far as EMR Serverless tells


class RunClient(Protocol):
    """Starts the runs of one lane and tells of them. Every method raises TransientError when AWS could not answer."""

    def start(self, parameters: Mapping[str, Any], token: str) -> str:
        """Start a run and return its id.

        Raises:
            RunRefusedError: it will never start with these parameters.
        """

    def find(self, application_id: str, name: str, since: datetime) -> str | None:
        """Return the id of the run of that name that started no earlier than `since`, None if none is known."""

    def state(self, application_id: str, run_id: str) -> RunState:
        """Return the state of a run."""
