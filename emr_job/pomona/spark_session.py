"""The Spark session of a job: the catalog `lake` and settings that keep small runs small.

What depends on where the job runs (master, Iceberg's jars, endpoints) comes from the platform's spark-defaults.conf.
"""

import importlib
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from pyspark.sql import SparkSession

from pomona.errors import MisconfiguredError

CATALOG = "lake"
log = logging.getLogger("pomona.spark_session")
NEEDED_PACKAGES = ("numpy", "pyarrow", "pandas", "PIL", "boto3", "obstore", "ai_edge_litert.interpreter")

_CATALOG_SETTINGS = {
    "": "org.apache.iceberg.spark.SparkCatalog",
    ".catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
    ".io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
    # a run must see what others have published since: the catalog's own memory of a table would hide it
    ".cache-enabled": "false",
}

_SESSION_SETTINGS = {
    "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # A worker that an image killed costs its task one failure, and the repetition decodes carefully. Both are Spark's
    # defaults; an excluded executor may be the only one.
    "spark.task.maxFailures": "4",
    "spark.excludeOnFailure.enabled": "false",
    # of the maintenance, which joins lists of files
    "spark.sql.shuffle.partitions": "32",
    # a second copy of a slow task would fetch and infer its images twice
    "spark.speculation": "false",
}


def catalog_settings(lake_bucket: str, catalog: str = CATALOG) -> dict[str, str]:
    """The Spark settings that make `catalog` the Glue catalog over the lake's warehouse."""
    settings = {f"spark.sql.catalog.{catalog}{suffix}": value for suffix, value in _CATALOG_SETTINGS.items()}
    return settings | {f"spark.sql.catalog.{catalog}.warehouse": f"s3://{lake_bucket}/warehouse"}


def start_session(name: str, lake_bucket: str, settings: Mapping[str, str] | None = None) -> SparkSession:
    """The job's session, with `settings` of its own; `name` is shown by the platform beside its logs."""
    builder = SparkSession.builder.appName(name)
    for setting, value in {**_SESSION_SETTINGS, **catalog_settings(lake_bucket), **(settings or {})}.items():
        builder = builder.config(setting, value)
    spark: SparkSession = builder.getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    return spark


def warm_up(spark: SparkSession) -> None:
    """Have the first executor, and on it a Python worker, started while the driver plans.

    Nothing waits for it. What keeps it from starting keeps the run's own tasks from it too, and they say what it is.
    """

    def run_a_task() -> None:
        try:
            spark.sparkContext.parallelize([0], 1).foreach(_do_nothing)
        except Exception:
            log.debug("no task could be run ahead of the others", exc_info=True)

    threading.Thread(target=run_a_task, name="warm-up", daemon=True).start()


def _do_nothing(_: int) -> None:
    pass


def check_archive(packages: tuple[str, ...] = NEEDED_PACKAGES) -> None:
    """Import what the archive brought; MisconfiguredError names what does not fit this interpreter and platform."""
    for package in packages:
        try:
            importlib.import_module(package)
        except Exception as error:  # a wheel for another ABI may also raise ValueError, SystemError or OSError
            raise MisconfiguredError(_does_not_fit(package, error)) from error


def start_beside(preparing: Future[Any], start: Callable[[], SparkSession]) -> SparkSession:
    """The session that `start` gives, while `preparing` checks the archive.

    Spark imports numpy as well: with an archive that does not fit it fails first, and the check has the sentence.
    """
    try:
        return start()
    except Exception:
        preparing.result()
        raise


def _does_not_fit(package: str, error: Exception) -> str:
    import platform

    here = f"Python {platform.python_version()} on {platform.machine()}"
    return f"the archive of packages does not fit {here}: importing {package} failed ({error}); build and deploy again"


def task_slots(spark: SparkSession) -> int:
    """How many tasks may run at once when the platform has given all the executors that it may."""
    conf = spark.sparkContext.getConf()
    if conf.get("spark.dynamicAllocation.enabled", "false") == "true":
        executors = int(conf.get("spark.dynamicAllocation.maxExecutors", "1"))
        return max(executors * int(conf.get("spark.executor.cores", "1")), 1)
    return max(spark.sparkContext.defaultParallelism, 1)
