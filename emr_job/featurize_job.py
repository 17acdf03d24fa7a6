"""Entry point of the featurize job: makes the rows of a batch's dirty keys agree with the images bucket."""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from pomona import logs
from pomona.archive_check import check_archive
from pomona.errors import JobError
from pomona.featurize.arguments import parse_arguments
from pomona.spark_session import start_beside, start_session
from pomona.stopwatch import Stopwatch
from pomona_contract.errors import FormatError

PACKAGES = ("numpy", "pyarrow", "pandas", "PIL", "boto3", "obstore", "ai_edge_litert.interpreter")
# the workers are forked from a process that has imported what a task needs
WORKERS = {"spark.python.daemon.module": "pomona.featurize.worker_daemon"}


def load_run() -> Callable[..., Any]:
    """Check the archive and return the job itself, which imports the packages."""
    check_archive(PACKAGES)
    from pomona.featurize.run import featurize

    return featurize


def main(argv: list[str]) -> int:
    """Run the job and return the exit status."""
    stopwatch = Stopwatch()
    arguments = parse_arguments(argv)
    # in every line, so that an event can be followed through its batch
    logs.configure(f"batch_id={arguments.batch_id} attempt={arguments.attempt}")
    try:
        with stopwatch.timing("session"):
            start = partial(start_session, str(arguments.run_name), arguments.lake_bucket, WORKERS)
            spark, featurize = start_beside(load_run, start)
        featurize(arguments, spark, stopwatch)
    except (JobError, FormatError) as error:
        print(f"featurize: {error}", file=sys.stderr)  # noqa: T201 (the platform shows the last line)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
