"""One invocation: its event becomes the arguments of a run, and a run that fails leaves its reason in the lake."""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from pomona.backbone import BACKBONES_FOLDER
from pomona.errors import MisconfiguredError, PublishRefusedError, SupersededError, first_line
from pomona.express.run import ExpressLimits, featurize_express
from pomona.featurize.arguments import FeaturizeArguments, parse_arguments
from pomona.featurize.run_report import gb_seconds
from pomona.identify.stored_backbones import stored_backbone
from pomona.s3.objects import s3_client, write_bytes
from pomona.stopwatch import Stopwatch
from pomona_contract.documents.backbone import BackboneDescription, backbone_label
from pomona_contract.documents.run_failure import RunFailure

KEPT_BACKBONES = Path(tempfile.gettempdir()) / "pomona-backbones"
RESERVE_SECONDS = 90
"""For the images that are begun when the time is up, and for the commit."""
_SHOWN_CHARACTERS = 500


@dataclass(frozen=True)
class Function:
    """What an invocation may use."""

    megabytes: int
    seconds_left: float


@dataclass(frozen=True)
class Answer:
    """What became of an invocation; nobody but the log reads it."""

    run: str
    done: bool
    details: str


def carry_out(event: Mapping[str, Any], function: Function, stopwatch: Stopwatch) -> Answer:
    """Carry out the run that the event describes (parameters.express_parameters in the intake).

    Args:
        event: of the invocation.
        function: what it may use.
        stopwatch: started when the invocation began, or the process.

    Raises:
        Exception: the run failed; its reason is in the lake, and the cluster makes the next attempt.
    """
    arguments = _parsed(event)
    megabytes = function.megabytes
    try:
        until = time.monotonic() + function.seconds_left - RESERVE_SECONDS
        limits = ExpressLimits(int(event["express_keys"]), megabytes, until)
        featurize_express(_with_backbone(arguments), limits, stopwatch)
    except SupersededError as error:  # the event came twice, or late: another run does the work
        return Answer(event["name"], done=False, details=str(error))
    except PublishRefusedError as error:
        _record_failure(arguments, error, megabytes, stopwatch)
        return Answer(event["name"], done=False, details=str(error))
    except Exception as error:
        _record_failure(arguments, error, megabytes, stopwatch)
        raise
    return Answer(event["name"], done=True, details="")


def _parsed(event: Mapping[str, Any]) -> FeaturizeArguments:
    try:
        return parse_arguments(event["arguments"])
    except SystemExit as error:  # argparse's way to refuse
        raise MisconfiguredError("the event has arguments that this release does not know") from error


def _with_backbone(arguments: FeaturizeArguments) -> FeaturizeArguments:
    """Return the arguments with the folder of their network: the package describes it, and the lake keeps it."""
    label = _label(BACKBONES_FOLDER / f"{arguments.backbone}.json")
    return replace(arguments, backbones=_kept_folder(arguments.lake_bucket, label))


@cache
def _kept_folder(lake: str, label: str) -> Path:
    """Return the folder with the network, which this process has fetched and checked once."""
    return stored_backbone(s3_client(), lake, label, KEPT_BACKBONES).file.parent


def _record_failure(arguments: FeaturizeArguments, error: Exception, megabytes: int, stopwatch: Stopwatch) -> None:
    reason = f"{type(error).__name__}: {first_line(error, _SHOWN_CHARACTERS)}"
    failure = RunFailure(
        arguments.batch_id,
        arguments.attempt,
        reason,
        datetime.now(UTC).isoformat(),
        gb_seconds(megabytes, stopwatch),
    )
    write_bytes(arguments.lake_bucket, arguments.run_name.failure_key, failure.to_json())


def _label(description: Path) -> str:
    network = BackboneDescription.from_json(description.name, description.read_bytes())
    return backbone_label(network.name, network.digest)
