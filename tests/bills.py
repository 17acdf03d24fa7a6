"""Bills for tests, written by the deployed code itself: no test invents a bill's fields."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger

from pomona_contract.prices import BilledHours, prices_of
from pomona_contract.run_names import RunName
from pomona_intake.runs.bills import Bills
from pomona_intake.runs.emr_client import EndedPage
from pomona_intake.runs.run_metrics import RunMetrics
from pomona_intake.runs.run_states import Phase, RunState
from pomona_intake.s3.lake import Lake
from pomona_intake.telemetry import Measure

REGION = "eu-west-3"
APPLICATION = "00app"
QUARTER, EIGHTH = BilledHours(0.25, 1.0, 0.0), BilledHours(0.125, 0.5, 0.0)


def succeeded(name: str, seconds: int = 90, billed: BilledHours | None = QUARTER) -> RunState:
    return RunState(Phase.SUCCEEDED, "", run_id_of(name), name, "SUCCESS", seconds, billed)


def failed(name: str, reason: str, seconds: int = 30, billed: BilledHours | None = EIGHTH) -> RunState:
    return RunState(Phase.FAILED, reason, run_id_of(name), name, "FAILED", seconds, billed)


def run_id_of(name: str) -> str:
    """Return an id as EMR Serverless gives them: lower case letters and digits, 64 at most."""
    return "00" + "".join(one for one in name.lower() if one.isalnum())[:62]


@dataclass
class ToldRuns:
    """EMR Serverless that knows these runs and lists a few of them an answer."""

    runs: list[RunState] = field(default_factory=list)
    page_size: int = 20
    listed: list[str | None] = field(default_factory=list)
    """The token of each request for a page."""

    def state(self, _application_id: str, run_id: str) -> RunState:
        return next(run for run in self.runs if run.run_id == run_id)

    def ended(self, _application_id: str, since: datetime, token: str | None = None) -> EndedPage:
        self.listed.append(token)
        start = int(token or 0)
        page = [run for run in self.runs if run.phase is not Phase.RUNNING][start : start + self.page_size]
        more = start + self.page_size < len(self.runs)
        return EndedPage({run.name: run.run_id for run in page}, str(start + self.page_size) if more else None)


def run_metrics_of(s3: Any, lake: str, runs: Any, measure: Measure, logger: Logger, region: str = REGION) -> RunMetrics:
    """Return the metrics of runs as they are deployed."""
    bills = Bills(Lake(s3, lake), prices_of(region))
    return RunMetrics(Lake(s3, lake), bills, runs, APPLICATION, measure, logger)


def bill(s3: Any, lake: str, run: RunState, region: str = REGION) -> None:
    """Let the run's end be recorded, as the queue or EMR Serverless tells it."""
    run_metrics = run_metrics_of(s3, lake, ToldRuns([run]), lambda *_: None, Logger(service="bills"), region)
    name = RunName.parse(run.name)
    assert name, run.name
    if name.is_refit:
        detail = {"applicationId": APPLICATION, "jobRunId": run.run_id}
        run_metrics.record_from_event({"source": "aws.emr-serverless", "detail": detail})
    else:
        run_metrics.add_closed(name, run)
        run_metrics.record_closed()
