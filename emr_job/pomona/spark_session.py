"""The Spark session of a job: the catalog `lake`, and settings that keep small runs short.

Settings that depend on the platform (master, Iceberg's jars, endpoints) come from its spark-defaults.conf.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pyspark.sql import SparkSession

CATALOG = "lake"
Loaded = TypeVar("Loaded")
log = logging.getLogger("pomona.spark_session")

_CATALOG_SETTINGS = {
    "": "org.apache.iceberg.spark.SparkCatalog",
    ".catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
    ".io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
    # a run must see what others have published since: the catalog's cache would hide it
    ".cache-enabled": "false",
}

_SESSION_SETTINGS = {
    "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # An image that kills a worker fails its task once; the task's repetition decodes carefully. An excluded executor
    # might be the only one. Both are Spark's defaults.
    "spark.task.maxFailures": "4",
    "spark.excludeOnFailure.enabled": "false",
    # Over TCP, Spark's default, each task of Python waits: the JVM writes twice, and the second write waits for the
    # acknowledgement of the first, which the kernel delays. Spark 4.0 does not know the setting.
    "spark.python.unix.domain.socket.enabled": "true",
    # In the folder of the process, which its Python shares, and where the archives are unpacked: the path of a socket
    # may have 107 bytes, and that of the temporary folder more.
    "spark.python.unix.domain.socket.dir": ".",
    # for the maintenance, which joins lists of files: each of its queries has as many tasks, even for a few files
    "spark.sql.shuffle.partitions": "8",
    # a second copy of a slow task would fetch and infer its images twice
    "spark.speculation": "false",
}


def catalog_settings(lake_bucket: str, catalog: str = CATALOG) -> dict[str, str]:
    """Return the Spark settings that make `catalog` the Glue catalog over the lake's warehouse."""
    settings = {f"spark.sql.catalog.{catalog}{suffix}": value for suffix, value in _CATALOG_SETTINGS.items()}
    return settings | {f"spark.sql.catalog.{catalog}.warehouse": f"s3://{lake_bucket}/warehouse"}


def start_session(name: str, lake_bucket: str, settings: Mapping[str, str] | None = None) -> SparkSession:
    """Start the job's session with further `settings`; the platform shows `name` beside the logs."""
    builder = SparkSession.builder.appName(name)
    for setting, value in {**_SESSION_SETTINGS, **catalog_settings(lake_bucket), **(settings or {})}.items():
        builder = builder.config(setting, value)
    spark: SparkSession = builder.getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    return spark


def warm_up(spark: SparkSession) -> None:
    """Start the first executor, and a Python worker on it, while the driver plans.

    Returns at once. An error is only logged: what prevents this task prevents the run's own tasks, which report it.
    """

    def run_a_task() -> None:
        try:
            spark.sparkContext.parallelize([0], 1).foreach(_do_nothing)
        except Exception:
            log.debug("no task could be run ahead of the others", exc_info=True)

    threading.Thread(target=run_a_task, name="warm-up", daemon=True).start()


def _do_nothing(_: int) -> None:
    pass


def start_beside(load: Callable[[], Loaded], start: Callable[[], SparkSession]) -> tuple[SparkSession, Loaded]:
    """Return the session that `start` gives and what `load` gives, which runs in a thread meanwhile.

    The JVM takes seconds to start and `load`, which imports the job's packages, takes one: a small run saves that one.
    """
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(load)
        try:
            spark = start()
        except Exception:
            loading.result()  # Spark imports NumPy too; if the archive does not fit, the check has the better sentence
            raise
        return spark, loading.result()


def task_slots(spark: SparkSession) -> int:
    """Return how many tasks run at once when the platform has started as many executors as it may."""
    conf = spark.sparkContext.getConf()
    if conf.get("spark.dynamicAllocation.enabled", "false") == "true":
        executors = int(conf.get("spark.dynamicAllocation.maxExecutors", "1"))
        return max(executors * int(conf.get("spark.executor.cores", "1")), 1)
    return max(spark.sparkContext.defaultParallelism, 1)
