"""An embedded AWS whose job runs do what a test has told: all else is real, the functions above all.

`python -m tests.told_runs serve --state DIR`; DIR/outcome.json says how the next runs end, and what their records say.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from embedded_aws.clients import Clients
from embedded_aws.emr_serverless.job_runs import RunResult
from embedded_aws.lambda_service.log_delivery import LogDelivery
from pomona_contract.documents.run_record import MaintenanceReport, RunRecord
from pomona_contract.lake_layout import LATEST_RESULTS
from pomona_contract.outcomes import Outcome
from pomona_contract.run_names import RunName
from tests.local_server import LocalServer

OUTCOME = "outcome.json"
_SECONDS = 0.05
_LEAST_SECONDS = 1.1  # a run whose duration is 0 whole seconds would count as one that never started


@dataclass(frozen=True)
class ToldRuns:
    """Runs that end as they are told, and write the documents of a run of the job."""

    state: Path
    clients: Clients
    logs: LogDelivery

    def run(self, job_run: Any) -> RunResult:
        time.sleep(_LEAST_SECONDS)
        while (told := json.loads((self.state / OUTCOME).read_text()))["state"] == "RUNNING":
            time.sleep(_SECONDS)
        if told["state"] == "SUCCESS":
            words = job_run.job_driver["sparkSubmit"]["entryPointArguments"]
            self._write(job_run, dict(zip(words[::2], words[1::2], strict=True)), told)
        return RunResult(told["state"], "as the test has told")

    def cancel(self, job_run_id: str) -> None:
        """Nothing: a told run ends when it is told to."""

    def _write(self, job_run: Any, arguments: dict[str, str], told: dict[str, Any]) -> None:
        if job_run.name.startswith("refit-"):
            key, document = LATEST_RESULTS, {"format": 1, "snapshot_id": int(job_run.name.split("-")[1])}
        else:
            name = RunName(arguments["--batch-id"], int(arguments["--attempt"]))
            key, document = name.record_key, _record(name, told).document()
        s3 = self.clients.in_role(job_run.execution_role_arn, "s3", job_run.region)
        s3.put_object(Bucket=arguments["--lake-bucket"], Key=key, Body=json.dumps(document).encode())


def _record(name: RunName, told: dict[str, Any]) -> RunRecord:
    now = datetime.now(UTC).isoformat()
    return RunRecord(
        batch_id=name.batch_id,
        attempt=name.attempt,
        backbone="fruitnet@0123456789ab",
        started_at=now,
        finished_at=now,
        snapshot_id=1,
        keys=1,
        images=told["images"],
        segments_missing=0,
        bytes=0,
        retries=0,
        maintenance=MaintenanceReport(told["maintenance"]["done"] or (), told["maintenance"]["error"] or ""),
        seconds={"total": 1.0},
    )


class ToldServer(LocalServer):
    """Such an embedded AWS in a process of its own."""

    module = "tests.told_runs"

    def __init__(self, state: Path) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self.state = state
        self.tell()
        super().__init__(state)

    def tell(self, state: str = "SUCCESS", images: dict[str, int] | None = None, **maintenance: Any) -> None:
        """Say how runs end from now on; one that is told RUNNING waits for the next word."""
        counts = {outcome.value: 0 for outcome in Outcome} | {"done": 1} | (images or {})
        told = {"state": state, "images": counts, "maintenance": {"error": None, "done": None} | maintenance}
        partial = self.state / f"{OUTCOME}.partial"
        partial.write_text(json.dumps(told))
        partial.rename(self.state / OUTCOME)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


if __name__ == "__main__":
    from embedded_aws import __main__ as command
    from embedded_aws import server

    server.SparkRuns = ToldRuns  # type: ignore[misc,assignment]
    sys.exit(command.main())
