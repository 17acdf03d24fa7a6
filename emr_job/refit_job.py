"""Entry point of the refit job: standardises the whole feature table and fits a PCA to it, at one snapshot."""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from pomona import logs
from pomona.archive_check import check_archive
from pomona.errors import JobError
from pomona.refit.arguments import parse_arguments
from pomona.spark_session import start_beside, start_session
from pomona.stopwatch import Stopwatch

PACKAGES = ("numpy", "pyarrow", "pandas", "PIL", "boto3", "obstore", "matplotlib", "jinja2")


def load_run() -> Callable[..., Any]:
    """Check the archive and return the job itself, which imports the packages."""
    check_archive(PACKAGES)
    from pomona.refit.run import refit

    return refit


def main(argv: list[str]) -> int:
    """Run the job and return the exit status."""
    logs.configure()
    stopwatch = Stopwatch()
    try:
        arguments = parse_arguments(argv)
        with stopwatch.timing("session"):
            spark, refit = start_beside(load_run, partial(start_session, "refit", arguments.lake_bucket))
        refit(arguments, spark, stopwatch)
    except JobError as error:
        print(f"refit: {error}", file=sys.stderr)  # noqa: T201 (the platform shows the last line)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
