"""Entry point of the featurize job: makes the rows of a batch's dirty keys agree with the images bucket."""

import sys
from functools import partial
from typing import TYPE_CHECKING

from pomona import logs
from pomona.archive_check import check_archive
from pomona.errors import JobError
from pomona.featurize.arguments import FeaturizeArguments, parse_arguments
from pomona.stopwatch import Stopwatch
from pomona_contract.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyspark.sql import SparkSession

PACKAGES = ("numpy", "pyarrow", "PIL", "boto3", "obstore", "pyiceberg", "ai_edge_litert.interpreter")
PACKAGES_OF_SPARK = ("pandas",)
# the workers are forked from a process that has imported what a task needs
WORKERS = {"spark.python.daemon.module": "pomona.featurize.worker_daemon"}


def load_run() -> "Callable[..., Any]":
    """Check the archive and return the job on Spark, which imports the packages."""
    check_archive(PACKAGES)
    from pomona.featurize.run import featurize

    return featurize


def run_on_spark(arguments: FeaturizeArguments, stopwatch: Stopwatch) -> None:
    """Carry out the run with Spark's executors."""
    from pomona.spark_session import start_beside

    with stopwatch.timing("session"):
        spark, featurize = start_beside(load_run, partial(start, arguments))
    featurize(arguments, spark, stopwatch)


def run_on_driver(arguments: FeaturizeArguments, stopwatch: Stopwatch) -> None:
    """Carry out the run with processes of the driver."""
    with stopwatch.timing("imports"):
        check_archive(PACKAGES)
        from pomona.featurize.driver_run import featurize_on_driver
    featurize_on_driver(arguments, partial(start, arguments), stopwatch)


def start(arguments: FeaturizeArguments) -> "SparkSession":
    """Start the session of the run."""
    check_archive(PACKAGES_OF_SPARK)
    from pomona.spark_session import start_session

    return start_session(str(arguments.run_name), arguments.lake_bucket, WORKERS)


def main(argv: list[str]) -> int:
    """Run the job and return the exit status."""
    stopwatch = Stopwatch()
    arguments = parse_arguments(argv)
    # in every line, so that an event can be followed through its batch
    logs.configure(f"batch_id={arguments.batch_id} attempt={arguments.attempt}")
    try:
        run = run_on_driver if arguments.processes else run_on_spark
        run(arguments, stopwatch)
    except (JobError, FormatError) as error:
        print(f"featurize: {error}", file=sys.stderr)  # noqa: T201 (the platform shows the last line)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
