"""Run a job as a real spark-submit, with the files and settings that EMR Serverless provides."""

import shutil
import subprocess
import tarfile
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from embedded_aws.clients import Clients
from embedded_aws.emr_serverless.job_runs import RunResult
from embedded_aws.emr_serverless.spark_platform import SparkPlatform, SparkSubmit, driver_environment
from embedded_aws.iam.enforcement import refused_trust
from embedded_aws.lambda_service.log_delivery import EMR_ACTIONS, LogDelivery, LogStream
from embedded_aws.processes import kill_group, start_watched
from embedded_aws.repository import SPARK, UNPACKED_ARCHIVES

_NOT_FETCHED = ("spark.jars", "spark.files", "spark.submit.pyFiles")
# class loading dominates a small run, and the jars' digests were verified when they were fetched
_NO_VERIFICATION = "-XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote"


class RunNotStartedError(Exception):
    """A run needs what the embedded AWS does not provide; the message becomes the run's stateDetails."""


class SparkRuns:
    """Runs jobs with the repository's Spark, each in a folder of its own."""

    def __init__(self, state: Path, clients: Clients, logs: LogDelivery) -> None:
        self._state = state
        self._clients = clients
        self._logs = logs
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._archives_lock = threading.Lock()

    def run(self, job_run: Any) -> RunResult:
        """Run to the end, or to the run's timeout."""
        folder = self._state / "runs" / job_run.id
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return self._submit(job_run, folder)
        except RunNotStartedError as error:
            return RunResult("FAILED", str(error))
        except Exception as error:
            return RunResult("FAILED", f"The run could not be started: {error}")
        finally:
            self._processes.pop(job_run.id, None)
            shutil.rmtree(folder, ignore_errors=True)

    def cancel(self, job_run_id: str) -> None:
        """Kill the run's processes, if it has any."""
        if process := self._processes.get(job_run_id):
            kill_group(process)

    def _submit(self, job_run: Any, folder: Path) -> RunResult:
        driver = job_run.job_driver["sparkSubmit"]
        submit = SparkSubmit.parse(driver.get("sparkSubmitParameters") or "")
        check(submit)
        if refused := refused_trust(job_run.execution_role_arn, "emr-serverless.amazonaws.com", job_run.arn):
            raise RunNotStartedError(refused)
        s3 = self._clients.in_role(job_run.execution_role_arn, "s3", job_run.region)
        entry_point = _fetch(s3, driver["entryPoint"], folder)
        for address, name in submit.archives:
            (folder / name).symlink_to(self._unpacked(s3, address))
        arguments = driver.get("entryPointArguments") or []
        command = [str(SPARK / "bin" / "spark-submit"), *submit.passed_on, str(entry_point), *arguments]
        return self._watch(job_run, command, self._environment(job_run, folder, submit), folder)

    def _watch(self, job_run: Any, command: list[str], environment: dict[str, str], folder: Path) -> RunResult:
        logs = self._state / "logs" / "runs" / job_run.id
        logs.mkdir(parents=True, exist_ok=True)
        with (logs / "stdout").open("wb") as stdout, (logs / "stderr").open("wb") as stderr:
            process = start_watched(command, environment, folder, stdout, stderr)
            self._processes[job_run.id] = process
            if job_run.state == "CANCELLING":  # cancelled during the preparation
                kill_group(process)
            state, details = _wait(process, job_run.execution_timeout_minutes * 60, logs)
        self._deliver_logs(job_run, logs)
        return RunResult(state, details)

    def _deliver_logs(self, job_run: Any, folder: Path) -> None:
        """Deliver to the log group that the run names, with the stream names of EMR Serverless."""
        monitoring = (job_run.configuration_overrides or {}).get("monitoringConfiguration", {})
        wanted = monitoring.get("cloudWatchLoggingConfiguration", {})
        if not wanted.get("enabled"):
            return
        place = f"{wanted.get('logStreamNamePrefix', '')}/applications/{job_run.application_id}/jobs/{job_run.id}"
        for name in ("stdout", "stderr"):
            stream = f"{place}/SPARK_DRIVER/{name}"
            group, role = wanted.get("logGroupName", "/aws/emr-serverless"), job_run.execution_role_arn
            self._logs.deliver(LogStream(role, job_run.region, group, stream, EMR_ACTIONS), folder / name)

    def _unpacked(self, s3: Any, address: str) -> Path:
        """Return the folder with the archive's files. Each content is unpacked once in this repository."""
        bucket, key = _bucket_and_key(address)
        with self._archives_lock:
            etag = s3.head_object(Bucket=bucket, Key=key)["ETag"].strip('"')
            folder = UNPACKED_ARCHIVES / f"{Path(key).name}-{etag}"
            if not folder.exists():
                _unpack(s3, address, folder)
        return folder

    def _environment(self, job_run: Any, folder: Path, submit: SparkSubmit) -> dict[str, str]:
        platform = SparkPlatform(SPARK, self._clients.endpoint, self._clients.endpoint)
        return {
            **platform.prepare(folder, cores=None, java_options=_NO_VERIFICATION),
            **self._clients.role_environment(job_run.execution_role_arn, job_run.region),
            **driver_environment(submit.confs),
        }


def check(submit: SparkSubmit) -> None:
    """Raise RunNotStartedError for files that the embedded AWS does not fetch."""
    for name in _NOT_FETCHED:
        if "s3://" in submit.confs.get(name, ""):
            raise RunNotStartedError(f"The embedded AWS does not fetch {name} from S3")


def _fetch(s3: Any, address: str, folder: Path) -> Path:
    bucket, key = _bucket_and_key(address)
    target = folder / Path(key).name
    s3.download_file(bucket, key, str(target))
    return target


def _unpack(s3: Any, address: str, folder: Path) -> None:
    """Unpack into a partial folder and rename it, so that a folder that exists is complete; another may be first."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        archive = _fetch(s3, address, partial)
        with tarfile.open(archive) as packed:
            packed.extractall(partial, filter="data")
        archive.unlink()
        partial.chmod(0o755)
        with suppress(OSError):
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _bucket_and_key(address: str) -> tuple[str, str]:
    scheme, _, rest = address.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme not in ("s3", "s3a") or not key:
        raise RunNotStartedError(f"Not the URL of an object on S3: {address}")
    return bucket, key


def _wait(process: subprocess.Popen[bytes], timeout_seconds: float, logs: Path) -> tuple[str, str]:
    try:
        status = process.wait(timeout_seconds)
    except subprocess.TimeoutExpired:
        return "FAILED", "Job execution exceeded its timeout (executionTimeoutMinutes)"
    finally:
        kill_group(process)  # no process of an ended run may go on and commit
    if status == 0:
        return "SUCCESS", ""
    return "FAILED", f"Job failed with exit code {status}. {_last_line(logs)} (logs: {logs})"


def _last_line(logs: Path) -> str:
    """Return the last line of the driver's output. spark-submit writes both its streams to standard output."""
    for stream in ("stdout", "stderr"):
        if lines := (logs / stream).read_text(errors="replace").strip().splitlines():
            return lines[-1]
    return ""
