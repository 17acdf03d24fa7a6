"""Build the arguments of StartJobRun for featurize runs and refits, and the event of an express run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pomona_contract.image_keys import encode_patterns
from pomona_contract.run_names import RunName
from pomona_contract.workers import WORKER_VCPUS
from pomona_intake.settings import Settings

_PYTHON = "python3.11"  # AWS's pages disagree on the default, and the packages in deps.tar.gz fit only this one
_PYTHON_PATH = "./job:./deps"

RUNS_AT_ONCE = 2  # a featurize and a refit run
# images that a worker does in a minute: it takes a minute to start, and at least a minute is billed
KEYS_PER_EXECUTOR = 10_000

DRIVER_KEYS = 20_000
"""An attempt at so many keys needs no executors, unless it is careful. The driver has the cores of one, and begins a
minute earlier: it is done about as soon as the one or two executors that such a run would get, and is the only worker
that is billed. A batch without keys asks for maintenance, which does need executors."""
DRIVER_KEYS_OF_LARGE_NETWORKS = {"resnet50": 1_400, "inception_v3": 1_000, "vgg16": 400}
"""As many as two cores do in about a minute: docs/models.md has the images a second and core of each network."""

# A worker of 2 vCPU and 8 GB. Half of the memory is outside the JVM, where Python decodes the images.
_WORKERS = {
    "spark.driver.cores": str(WORKER_VCPUS),
    "spark.driver.memory": "4g",
    "spark.driver.memoryOverhead": "4g",
    # Disable C2: the driver mostly waits and starts faster without it. Only one JVM option is possible, because the
    # parameters are split at spaces.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    "spark.executor.cores": str(WORKER_VCPUS),
    "spark.executor.memory": "4g",
    "spark.executor.memoryOverhead": "4g",
    # A session is ready before its executors are, and the driver plans meanwhile. EMR Serverless waits half a minute
    # otherwise: its drivers log that the "SchedulerBackend is ready" after maxRegisteredResourcesWaitingTime.
    "spark.scheduler.maxRegisteredResourcesWaitingTime": "0s",
}


def executors_at_start(keys: int, at_most: int) -> int:
    """Return how many executors a run of so many keys requests at its start: one for each minute of work, at least one.

    Without this number EMR Serverless starts three, and refuses a run that may have fewer. Two cores featurize 17,000
    images a minute with the default network (docs/performance.md); two vCPUs may be one such core. Dynamic allocation
    adds executors for a slower network, or for a table that needs maintenance.
    """
    return max(1, min(at_most, keys // KEYS_PER_EXECUTOR))


def executors_at_most(max_executors: int, max_vcpus: int) -> int:
    """Return how many executors a run may have, so that two runs of the largest size share the application's vCPUs.

    With more, one run could keep the other from getting its driver. The result is at least one: the template allows no
    application that is too small for two runs of a driver and an executor.
    """
    share = max_vcpus // RUNS_AT_ONCE
    return min(max_executors, (share - WORKER_VCPUS) // WORKER_VCPUS)


def featurize_parameters(
    settings: Settings, batch_id: str, attempt: int, keys: int, *, careful: bool = False
) -> dict[str, Any]:
    """Return the arguments of StartJobRun, without the client token, for one attempt at a batch of so many keys.

    It is careful after an attempt that has run and failed: each image is decoded in a child process, and by executors,
    for which the batch need not be too much if it was too much for the memory of the driver.
    """
    name = str(RunName(batch_id, attempt))
    arguments = _featurize_arguments(settings, batch_id, attempt)
    executors = executors_at_start(keys, executors_at_most(settings.max_executors, settings.max_vcpus))
    if careful:
        arguments["--careful"] = "yes"
    elif 0 < keys <= DRIVER_KEYS_OF_LARGE_NETWORKS.get(settings.backbone_name, DRIVER_KEYS):
        arguments["--processes"] = str(WORKER_VCPUS)
        executors = 0
    return _parameters(settings, _Job(name, "featurize_job.py", arguments, settings.run_timeout_minutes, executors))


def express_parameters(settings: Settings, batch_id: str, attempt: int) -> dict[str, Any]:
    """Return the event of the function `express` for one attempt at a batch: the arguments of a run of the cluster."""
    return {
        "name": str(RunName(batch_id, attempt)),
        "arguments": _listed(_featurize_arguments(settings, batch_id, attempt)),
        "express_keys": settings.express_keys,
    }


def _featurize_arguments(settings: Settings, batch_id: str, attempt: int) -> dict[str, str]:
    return {
        "--lake-bucket": settings.lake_bucket,
        "--images-bucket": settings.images_bucket,
        "--database": settings.database_name,
        "--table": settings.table_name,
        "--backbone": settings.backbone_name,
        "--batch-id": batch_id,
        "--attempt": str(attempt),
        "--max-image-bytes": str(settings.max_image_bytes),
        "--max-image-pixels": str(settings.max_image_pixels),
        "--max-decoded-bytes": str(settings.max_decoded_bytes),
        "--max-jpeg-scans": str(settings.max_jpeg_scans),
        "--snapshot-days": str(settings.snapshot_days),
        "--refit-timeout-minutes": str(settings.refit_timeout_minutes),
        **({"--ignored-names": encode_patterns(settings.ignored_names)} if settings.ignored_names else {}),
        "--timeout-minutes": str(settings.run_timeout_minutes),
    }


def _listed(arguments: Mapping[str, str]) -> list[str]:
    return [text for argument in arguments.items() for text in argument]


def refit_parameters(settings: Settings, name: str) -> dict[str, Any]:
    """Return the arguments of StartJobRun, without the client token, for a refit of the whole table."""
    arguments = {
        "--lake-bucket": settings.lake_bucket,
        "--database": settings.database_name,
        "--table": settings.table_name,
        "--backbone": settings.backbone_name,
        "--components": settings.components,
        "--processes": str(WORKER_VCPUS),
    }
    # the size of the table is unknown here: the job asks for executors if the table is too large for the driver
    return _parameters(settings, _Job(name, "refit_job.py", arguments, settings.refit_timeout_minutes, executors=0))


@dataclass(frozen=True)
class _Job:
    """What differs between runs."""

    name: str
    script: str
    arguments: Mapping[str, str]
    timeout_minutes: int
    executors: int
    """At its start; with 0 it needs none, unless its work turns out to be more."""


def _parameters(settings: Settings, job: _Job) -> dict[str, Any]:
    return {
        "applicationId": settings.application_id,
        "executionRoleArn": settings.job_role_arn,
        "executionTimeoutMinutes": job.timeout_minutes,
        "name": job.name,
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": f"{_bundle(settings)}/{job.script}",
                "entryPointArguments": _listed(job.arguments),
                "sparkSubmitParameters": _submit_parameters(settings, job.executors),
            }
        },
        **_logging(settings, job.name),
    }


def _bundle(settings: Settings) -> str:
    return f"s3://{settings.lake_bucket}/{settings.job_prefix}"


def _submit_parameters(settings: Settings, executors: int) -> str:
    configuration = {
        "spark.archives": f"{_bundle(settings)}/job.tar.gz#job,{_bundle(settings)}/deps.tar.gz#deps",
        "spark.emr-serverless.driverEnv.PYTHONPATH": _PYTHON_PATH,
        "spark.executorEnv.PYTHONPATH": _PYTHON_PATH,
        "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": _PYTHON,
        "spark.emr-serverless.driverEnv.PYSPARK_PYTHON": _PYTHON,
        "spark.executorEnv.PYSPARK_PYTHON": _PYTHON,
        # each core has a process of its own, and BLAS with threads takes twice the time of the cores to wait for them
        "spark.emr-serverless.driverEnv.OPENBLAS_NUM_THREADS": "1",
        "spark.executorEnv.OPENBLAS_NUM_THREADS": "1",
        **_WORKERS,
        **_allocation(executors, executors_at_most(settings.max_executors, settings.max_vcpus)),
    }
    return " ".join(f"--conf {key}={value}" for key, value in configuration.items())


def _allocation(at_start: int, at_most: int) -> dict[str, str]:
    """Return all bounds of dynamic allocation: EMR Serverless's default of a missing one contradicts the others."""
    return {
        "spark.dynamicAllocation.enabled": "true",
        "spark.dynamicAllocation.initialExecutors": str(at_start),
        # kept while the driver works alone: a new one needs a minute
        "spark.dynamicAllocation.minExecutors": str(min(at_start, 1)),
        "spark.dynamicAllocation.maxExecutors": str(at_most),
        # tasks that wait for less are done before another executor has started; then Spark requests every second
        "spark.dynamicAllocation.schedulerBacklogTimeout": "30s" if at_start else "1s",
        "spark.dynamicAllocation.sustainedSchedulerBacklogTimeout": "1s",
    }


def _logging(settings: Settings, name: str) -> dict[str, Any]:
    if not settings.log_group_name:
        return {}
    logs = {"enabled": True, "logGroupName": settings.log_group_name, "logStreamNamePrefix": name}
    return {"configurationOverrides": {"monitoringConfiguration": {"cloudWatchLoggingConfiguration": logs}}}
