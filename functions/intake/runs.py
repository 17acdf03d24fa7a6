"""What a run of a job is: the arguments of StartJobRun for featurize and refit, built from the settings."""

from collections.abc import Mapping
from typing import Any

from intake.settings import Settings

_PYTHON = "python3.11"  # AWS's pages disagree on the default, and the packages in deps.tar.gz fit only this one
_PYTHON_PATH = "./job:./deps"

# A worker of 2 vCPU and 8 GB. Half of the memory stays outside the JVM: Python decodes the images there.
_WORKERS = {
    "spark.driver.cores": "2",
    "spark.driver.memory": "4g",
    "spark.driver.memoryOverhead": "4g",
    # a driver mostly waits: the second compiler would cost a small run more than it saves (one option alone: who takes
    # the parameters apart splits them at spaces)
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    "spark.executor.cores": "2",
    "spark.executor.memory": "4g",
    "spark.executor.memoryOverhead": "4g",
    "spark.executor.instances": "1",
}


def featurize_parameters(settings: Settings, batch_id: str, attempt: int) -> dict[str, Any]:
    """The arguments of StartJobRun, without the client token, for one attempt at a batch."""
    arguments = {
        "--lake-bucket": settings.lake_bucket,
        "--images-bucket": settings.images_bucket,
        "--database": settings.database_name,
        "--table": settings.table_name,
        "--backbone": settings.backbone_name,
        "--batch-id": batch_id,
        "--attempt": str(attempt),
        "--max-image-bytes": str(settings.max_image_bytes),
        "--max-image-pixels": str(settings.max_image_pixels),
        "--snapshot-days": str(settings.snapshot_days),
        "--timeout-minutes": str(settings.run_timeout_minutes),
    }
    name = f"featurize-{batch_id}-{attempt}"
    return _parameters(settings, name, "featurize.py", arguments, settings.run_timeout_minutes)


def refit_parameters(settings: Settings, name: str) -> dict[str, Any]:
    """The arguments of StartJobRun, without the client token, for a refit over the whole table."""
    arguments = {
        "--lake-bucket": settings.lake_bucket,
        "--database": settings.database_name,
        "--table": settings.table_name,
        "--backbone": settings.backbone_name,
        "--components": settings.components,
    }
    return _parameters(settings, name, "refit.py", arguments, settings.refit_timeout_minutes)


def _parameters(
    settings: Settings, name: str, script: str, arguments: Mapping[str, str], timeout_minutes: int
) -> dict[str, Any]:
    return {
        "applicationId": settings.application_id,
        "executionRoleArn": settings.job_role_arn,
        "executionTimeoutMinutes": timeout_minutes,
        "name": name,
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": f"{_jobs(settings)}/{script}",
                "entryPointArguments": [text for argument in arguments.items() for text in argument],
                "sparkSubmitParameters": _submit_parameters(settings),
            }
        },
        **_logging(settings, name),
    }


def _jobs(settings: Settings) -> str:
    return f"s3://{settings.lake_bucket}/{settings.job_prefix}"


def _submit_parameters(settings: Settings) -> str:
    configuration = {
        "spark.archives": f"{_jobs(settings)}/job.tar.gz#job,{_jobs(settings)}/deps.tar.gz#deps",
        "spark.emr-serverless.driverEnv.PYTHONPATH": _PYTHON_PATH,
        "spark.executorEnv.PYTHONPATH": _PYTHON_PATH,
        "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": _PYTHON,
        "spark.emr-serverless.driverEnv.PYSPARK_PYTHON": _PYTHON,
        "spark.executorEnv.PYSPARK_PYTHON": _PYTHON,
        **_WORKERS,
        "spark.dynamicAllocation.maxExecutors": str(settings.max_executors),
    }
    return " ".join(f"--conf {key}={value}" for key, value in configuration.items())


def _logging(settings: Settings, name: str) -> dict[str, Any]:
    if not settings.log_group_name:
        return {}
    logs = {"enabled": True, "logGroupName": settings.log_group_name, "logStreamNamePrefix": name}
    return {"configurationOverrides": {"monitoringConfiguration": {"cloudWatchLoggingConfiguration": logs}}}
