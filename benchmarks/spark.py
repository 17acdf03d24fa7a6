"""Spark jobs as a platform runs them: spark-submit, its defaults, and a folder of its own."""

import os
import shlex
import shutil
import tarfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cloud import Cloud
from benchmarks.places import BUILD, ROOT, SPARK
from benchmarks.processes import Finished, run
from tools.build import job_files, job_packages

QUIET = """rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n
"""
DRIVER_ENVIRONMENT = "spark.emr-serverless.driverEnv."


@dataclass(frozen=True)
class Platform:
    """Where jobs run: Spark on this machine's cores, and the folder with the job's code and packages."""

    cloud: Cloud
    folder: Path
    cores: int

    @property
    def code(self) -> Path:
        """The job's code and backbones, as the bundle has them."""
        return self.folder / "job"

    def install(self, network: Path) -> None:
        """Lay out what the bundle holds, and the network (a .tflite and its .json) that is measured."""
        for name, path in job_files():
            _copy(path, self.code / name)
        for name in ("featurize.py", "refit.py"):
            _copy(ROOT / "emr_job" / name, self.code / name)
        for path in network.glob("*.*"):
            _copy(path, self.code / "backbones" / path.name)

    def submit(
        self,
        script: Path,
        arguments: Sequence[str],
        settings: Mapping[str, str],
        environment: Mapping[str, str] | None = None,
    ) -> Finished:
        """Run a script to its end; `settings` are Spark's."""
        folder = self.folder / f"run-{uuid.uuid4().hex[:8]}"
        folder.mkdir(parents=True)
        try:
            (folder / "job").symlink_to(self.code)
            (folder / "deps").symlink_to(unpacked_packages())
            self._configure(folder / "conf")
            confs = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
            command: list[str | Path] = [SPARK / "bin" / "spark-submit", *confs, script, *arguments]
            return run(command, self._environment(folder, settings) | dict(environment or {}), folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def python(self, script: Path, *arguments: str | Path, threads: int = 1) -> Finished:
        """Run a script with the job's interpreter, code and packages, and so many threads for BLAS."""
        folder = self.folder / f"run-{uuid.uuid4().hex[:8]}"
        folder.mkdir(parents=True)
        path = os.pathsep.join([str(self.code), str(unpacked_packages())])
        numbers = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, **numbers, **self.cloud.environment()}
        try:
            return run([SPARK / "bin" / "python3.11", script, *arguments], environment, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _configure(self, folder: Path) -> None:
        jars = ":".join(str(jar) for jar in sorted((SPARK / "jars").glob("*.jar")))
        settings = {
            "spark.master": f"local[{self.cores}]",
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.extraClassPath": jars,
            "spark.sql.catalog.lake.glue.endpoint": self.cloud.other_endpoint,
            "spark.sql.catalog.lake.s3.endpoint": self.cloud.s3_endpoint,
            "spark.sql.catalog.lake.s3.path-style-access": "true",
        }
        folder.mkdir()
        (folder / "spark-defaults.conf").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        (folder / "log4j2.properties").write_text(QUIET)

    def _environment(self, folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
        scratch = folder / "tmp"
        scratch.mkdir()
        (home,) = SPARK.glob("lib/python3*/site-packages/pyspark")
        inherited = {name: os.environ[name] for name in ("HOME", "JAVA_HOME") if name in os.environ}
        start = len(DRIVER_ENVIRONMENT)
        return {
            **inherited,
            "SPARK_HOME": str(home),
            "PATH": f"{SPARK / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
            "LANG": "C.UTF-8",
            "TMPDIR": str(scratch),
            "SPARK_LOCAL_DIRS": str(scratch),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_CONF_DIR": str(folder / "conf"),
            **self.cloud.environment(),
            **{name[start:]: value for name, value in settings.items() if name.startswith(DRIVER_ENVIRONMENT)},
        }


def settings_of(submit_parameters: str) -> dict[str, str]:
    """The settings in StartJobRun's sparkSubmitParameters, but for the archives: those lie unpacked beside the job."""
    words = shlex.split(submit_parameters)
    pairs = (word.partition("=") for flag, word in zip(words[::2], words[1::2], strict=True) if flag == "--conf")
    return {name: value for name, _, value in pairs if name != "spark.archives"}


def unpacked_packages() -> Path:
    """The folder of the job's packages, unpacked once for each content."""
    archive = job_packages()
    folder = BUILD / archive.name.removesuffix(".tar.gz")
    if not folder.exists():
        partial = folder.with_name(f"{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        with tarfile.open(archive) as packed:
            packed.extractall(partial, filter="data")
        partial.rename(folder)
    return folder


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
