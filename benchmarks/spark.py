"""Spark jobs as a platform runs them: spark-submit, its defaults, and a folder of its own."""

import os
import shutil
import tarfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cloud import Cloud
from benchmarks.places import BUILD, ROOT, SPARK, BenchError
from benchmarks.processes import Finished, run
from embedded_aws.emr_serverless.spark_platform import (
    ARCHIVES,
    SparkPlatform,
    SparkSubmit,
    conf_options,
    driver_environment,
)
from tools.build import job_files, job_packages


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
        for name in ("featurize_job.py", "refit_job.py"):
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
            platform = SparkPlatform(SPARK, self.cloud.other_endpoint, self.cloud.s3_endpoint)
            prepared = platform.prepare(folder, self.cores)
            told = self.cloud.environment() | driver_environment(settings) | dict(environment or {})
            command: list[str | Path] = [SPARK / "bin" / "spark-submit", *conf_options(settings), script, *arguments]
            return run(command, prepared | told, folder)
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


def settings_of(submit_parameters: str) -> dict[str, str]:
    """The settings in StartJobRun's sparkSubmitParameters, but for the archives: those lie unpacked beside the job."""
    parsed = SparkSubmit.parse(submit_parameters)
    if parsed.options:
        raise BenchError(f"sparkSubmitParameters have more than settings: {' '.join(parsed.options)}")
    return {name: value for name, value in parsed.confs.items() if name != ARCHIVES}


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
