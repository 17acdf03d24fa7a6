"""Entry point of the refit job: standardises the whole feature table and fits a PCA to it, at one snapshot."""

import sys
from functools import partial
from typing import TYPE_CHECKING

from pomona import logs
from pomona.archive_check import check_archive
from pomona.errors import JobError
from pomona.refit.arguments import parse_arguments
from pomona.stopwatch import Stopwatch

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PACKAGES = ("numpy", "pyarrow", "PIL", "boto3", "obstore", "pyiceberg", "matplotlib", "jinja2")


def start(lake_bucket: str) -> "SparkSession":
    """Start the session of the refit."""
    check_archive(("pandas",))  # which pyspark needs
    from pomona.spark_session import start_session

    return start_session("refit", lake_bucket)


def main(argv: list[str]) -> int:
    """Run the job and return the exit status."""
    logs.configure()
    stopwatch = Stopwatch()
    try:
        arguments = parse_arguments(argv)
        with stopwatch.timing("imports"):
            check_archive(PACKAGES)
            from pomona.refit.run import refit
        refit(arguments, partial(start, arguments.lake_bucket), stopwatch)
    except JobError as error:
        print(f"refit: {error}", file=sys.stderr)  # noqa: T201 (the platform shows the last line)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
