"""Bills for tests, written by the deployed bookkeeping itself: no test invents a bill's fields."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger

from pomona_intake.queue.steps import Step
from pomona_intake.runs.bills import Attempt, Bills
from pomona_intake.runs.emr_client import Billed, EndedPage, Phase, RunState
from pomona_intake.runs.prices import prices_of
from pomona_intake.runs.run_metrics import Bookkeeping, Measure
from pomona_intake.s3.lake import Lake

REGION = "eu-west-3"
APPLICATION = "00app"
QUARTER, EIGHTH = Billed(0.25, 1.0, 0.0), Billed(0.125, 0.5, 0.0)


def succeeded(name: str, seconds: int = 90, billed: Billed | None = QUARTER) -> RunState:
    return RunState(Phase.SUCCEEDED, "", run_id_of(name), name, "SUCCESS", seconds, billed)


def failed(name: str, reason: str, seconds: int = 30, billed: Billed | None = EIGHTH) -> RunState:
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


def books_of(s3: Any, lake: str, runs: Any, measure: Measure, logger: Logger, region: str = REGION) -> Bookkeeping:
    """The bookkeeping as it is deployed."""
    bills = Bills(Lake(s3, lake), prices_of(region))
    return Bookkeeping(Lake(s3, lake), bills, runs, APPLICATION, measure, logger)


def bill(s3: Any, lake: str, run: RunState, region: str = REGION) -> None:
    """Let the bookkeeping hear of the run's end, as the queue or EMR Serverless tells it."""
    books = books_of(s3, lake, ToldRuns([run]), lambda *_: None, Logger(service="bills"), region)
    attempt = Attempt.of(run.name)
    assert attempt, run.name
    if attempt.is_refit:
        detail = {"applicationId": APPLICATION, "jobRunId": run.run_id}
        books.look_at({"source": "aws.emr-serverless", "detail": detail})
    else:
        books.note(Step("ended", attempt.batch_id, attempt.number, run.details, run))
        books.note(Step("settled" if run.phase is Phase.SUCCEEDED else "failed", attempt.batch_id, attempt.number))
        books.write_up()
