"""A job run as a real spark-submit: what EMR would fetch and set is fetched and set, the rest is passed on."""

import os
import shlex
import shutil
import subprocess
import tarfile
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.clients import Clients
from local.emr import Ended, JobRunner
from local.enforcement import refused_trust
from local.log_delivery import EMR_ACTIONS, LogDelivery, LogStream
from local.processes import kill_group, start_watched

_UNPACKED = Path(__file__).resolve().parent.parent / ".build" / "unpacked"
_DRIVER_ENVIRONMENT = "spark.emr-serverless.driverEnv."
_NOT_FETCHED = ("spark.jars", "spark.files", "spark.submit.pyFiles")
_QUIET = """rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
"""


class RunRefusedError(Exception):
    """A run asks for something that cannot be provided; the message becomes the run's stateDetails."""


@dataclass(frozen=True)
class SparkSubmit:
    """sparkSubmitParameters taken apart."""

    passed_on: list[str]
    confs: dict[str, str]

    @classmethod
    def parse(cls, parameters: str) -> "SparkSubmit":
        """Split as a shell would; spark.archives is the platform's, everything else is spark-submit's."""
        words = shlex.split(parameters)
        passed_on: list[str] = []
        confs: dict[str, str] = {}
        while words:
            word = words.pop(0)
            if word not in ("--conf", "-c"):
                passed_on.append(word)
                continue
            name, _, value = words.pop(0).partition("=")
            confs[name] = value
            if name != "spark.archives":
                passed_on += ["--conf", f"{name}={value}"]
        return cls(passed_on, confs)

    def check(self) -> None:
        """Refuse what would need fetching and is not fetched here."""
        for name in _NOT_FETCHED:
            if "s3://" in self.confs.get(name, ""):
                raise RunRefusedError(f"The embedded AWS does not fetch {name} from S3")

    @property
    def archives(self) -> list[tuple[str, str]]:
        """(address, name) of every archive: s3://bucket/key#name."""
        addresses = [one for one in self.confs.get("spark.archives", "").split(",") if one]
        return [(one.partition("#")[0], one.partition("#")[2] or Path(one).name) for one in addresses]

    @property
    def driver_environment(self) -> dict[str, str]:
        """The driver's environment variables."""
        start = len(_DRIVER_ENVIRONMENT)
        return {name[start:]: value for name, value in self.confs.items() if name.startswith(_DRIVER_ENVIRONMENT)}


class SparkRuns(JobRunner):
    """Runs jobs with the repository's own Spark, each in a folder of its own."""

    def __init__(self, state: Path, spark: Path, clients: Clients, logs: LogDelivery) -> None:
        self._state = state
        self._spark = spark
        self._clients = clients
        self._logs = logs
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._archives_lock = threading.Lock()

    def run(self, job_run: Any) -> Ended:
        """Run to the end, or to the run's timeout."""
        folder = self._state / "runs" / job_run.id
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return self._submit(job_run, folder)
        except RunRefusedError as error:
            return Ended("FAILED", str(error))
        except Exception as error:
            return Ended("FAILED", f"The run could not be started: {error}")
        finally:
            self._processes.pop(job_run.id, None)
            shutil.rmtree(folder, ignore_errors=True)

    def cancel(self, job_run_id: str) -> None:
        """Kill the run's processes, if it has any."""
        if process := self._processes.get(job_run_id):
            kill_group(process)

    def _submit(self, job_run: Any, folder: Path) -> Ended:
        driver = job_run.job_driver["sparkSubmit"]
        submit = SparkSubmit.parse(driver.get("sparkSubmitParameters") or "")
        submit.check()
        if refused := refused_trust(job_run.execution_role_arn, "emr-serverless.amazonaws.com", job_run.arn):
            raise RunRefusedError(refused)
        s3 = self._clients.in_role(job_run.execution_role_arn, "s3", job_run.region)
        entry_point = _fetch(s3, driver["entryPoint"], folder)
        for address, name in submit.archives:
            (folder / name).symlink_to(self._unpacked(s3, address))
        self._write_configuration(folder / ".spark")
        arguments = driver.get("entryPointArguments") or []
        command = [str(self._spark / "bin" / "spark-submit"), *submit.passed_on, str(entry_point), *arguments]
        return self._watch(job_run, command, self._environment(job_run, folder, submit), folder, submit)

    def _watch(
        self, job_run: Any, command: list[str], environment: dict[str, str], folder: Path, submit: SparkSubmit
    ) -> Ended:
        logs = self._state / "logs" / "runs" / job_run.id
        logs.mkdir(parents=True, exist_ok=True)
        with (logs / "stdout").open("wb") as stdout, (logs / "stderr").open("wb") as stderr:
            process = start_watched(command, environment, folder, stdout, stderr)
            self._processes[job_run.id] = process
            if job_run.state == "CANCELLING":  # it came while the run was being prepared
                kill_group(process)
            state, details = _wait(process, job_run.execution_timeout_minutes * 60, logs)
        self._deliver_logs(job_run, logs)
        return Ended(state, details, _cores(submit), _memory_gb(submit))

    def _deliver_logs(self, job_run: Any, folder: Path) -> None:
        """Into the log group that the run names, under the names that EMR Serverless gives its streams."""
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
        """The archive's files, unpacked once for each content, for every embedded AWS of this repository."""
        bucket, key = _split(address)
        with self._archives_lock:
            etag = s3.head_object(Bucket=bucket, Key=key)["ETag"].strip('"')
            folder = _UNPACKED / f"{Path(key).name}-{etag}"
            if not folder.exists():
                _unpack(s3, address, folder)
        return folder

    def _write_configuration(self, folder: Path) -> None:
        jars = ":".join(str(jar) for jar in sorted((self._spark / "jars").glob("*.jar")))
        settings = {
            "spark.master": "local[*]",
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            # much of a small run is the loading of classes; the jars were verified by their digests
            "spark.driver.defaultJavaOptions": "-XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote",
            "spark.driver.extraClassPath": jars,  # on EMR, Iceberg is on the class path as well
            "spark.sql.catalog.lake.glue.endpoint": self._clients.endpoint,
            "spark.sql.catalog.lake.s3.endpoint": self._clients.endpoint,
            "spark.sql.catalog.lake.s3.path-style-access": "true",
        }
        folder.mkdir()
        text = "".join(f"{name} {value}\n" for name, value in settings.items())
        (folder / "spark-defaults.conf").write_text(text)
        (folder / "log4j2.properties").write_text(_QUIET)

    def _environment(self, job_run: Any, folder: Path, submit: SparkSubmit) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in ("HOME", "JAVA_HOME") if name in os.environ}
        scratch = folder / "tmp"
        scratch.mkdir()
        (home,) = self._spark.glob("lib/python3*/site-packages/pyspark")
        return {
            **inherited,
            "SPARK_HOME": str(home),  # else a script looks for it, whose first line breaks if the path has a space
            "PATH": f"{self._spark / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
            "LANG": "C.UTF-8",
            "TMPDIR": str(scratch),
            "SPARK_LOCAL_DIRS": str(scratch),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_CONF_DIR": str(folder / ".spark"),
            **self._clients.role_environment(job_run.execution_role_arn, job_run.region),
            **submit.driver_environment,
        }


def _fetch(s3: Any, address: str, folder: Path) -> Path:
    bucket, key = _split(address)
    target = folder / Path(key).name
    s3.download_file(bucket, key, str(target))
    return target


def _unpack(s3: Any, address: str, folder: Path) -> None:
    """Unpack beside the place and move there, so that a folder that exists is complete; another may be first."""
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


def _split(address: str) -> tuple[str, str]:
    scheme, _, rest = address.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme not in ("s3", "s3a") or not key:
        raise RunRefusedError(f"Not the address of an object on S3: {address}")
    return bucket, key


def _wait(process: subprocess.Popen[bytes], timeout_seconds: float, logs: Path) -> tuple[str, str]:
    try:
        status = process.wait(timeout_seconds)
    except subprocess.TimeoutExpired:
        return "FAILED", "Job execution exceeded its timeout (executionTimeoutMinutes)"
    finally:
        kill_group(process)  # whoever ended the run, nothing of it may go on and commit
    if status == 0:
        return "SUCCESS", ""
    return "FAILED", f"Job failed with exit code {status}. {_last_line(logs)} (logs: {logs})"


def _last_line(logs: Path) -> str:
    """What the job said last: spark-submit puts both streams of a driver on its standard output."""
    for stream in ("stdout", "stderr"):
        if lines := (logs / stream).read_text(errors="replace").strip().splitlines():
            return lines[-1]
    return ""


def _cores(submit: SparkSubmit) -> int:
    return int(submit.confs.get("spark.driver.cores", 4)) + int(submit.confs.get("spark.executor.cores", 4))


def _memory_gb(submit: SparkSubmit) -> float:
    return sum(_gigabytes(submit.confs.get(f"spark.{part}.memory", "14g")) for part in ("driver", "executor"))


def _gigabytes(size: str) -> float:
    number = float(size.rstrip("gGmMbB"))
    return number / 1024 if size.lower().rstrip("b").endswith("m") else number
