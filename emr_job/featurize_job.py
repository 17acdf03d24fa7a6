"""Entry point of the featurize job: makes the rows of a batch's dirty keys agree with the images bucket."""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pomona import logs
from pomona.errors import JobError
from pomona.imaging.careful.process_limits import DECODE_MEGABYTES, DECODE_SECONDS
from pomona.spark_session import check_archive, start_beside, start_session
from pomona.stopwatch import Stopwatch
from pomona_contract.errors import FormatError
from pomona_contract.image_keys import decode_patterns
from pomona_contract.run_names import RunName

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from pomona.featurize.run import FeaturizeRun

# its workers fetch and infer: they are forked with all that imported
WORKERS = {"spark.python.daemon.module": "pomona.featurize.worker_daemon"}


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """What StartJobRun passes."""
    parser = argparse.ArgumentParser(prog="featurize", description=__doc__)
    for name in ("lake-bucket", "images-bucket", "database", "table", "backbone", "batch-id"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--attempt", type=int, required=True)
    parser.add_argument("--max-image-bytes", type=int, required=True, help="larger objects become error rows, unread")
    parser.add_argument(
        "--max-image-pixels", type=int, required=True, help="larger images become error rows, undecoded"
    )
    parser.add_argument(
        "--max-decoded-bytes", type=int, required=True, help="images that need more memory become error rows, undecoded"
    )
    parser.add_argument(
        "--max-jpeg-scans", type=int, required=True, help="JPEGs of more scans become error rows, undecoded"
    )
    parser.add_argument("--decode-seconds", type=float, default=DECODE_SECONDS, help="for decoding one image")
    parser.add_argument("--decode-megabytes", type=int, default=DECODE_MEGABYTES, help="of memory, for decoding one")
    parser.add_argument("--timeout-minutes", type=int, required=True, help="when the platform ends this run")
    parser.add_argument("--snapshot-days", type=int, default=7, help="older snapshots of the table expire")
    parser.add_argument(
        "--ignored-names", type=decode_patterns, default=(), help="patterns of names that are no images"
    )
    return parser.parse_args(arguments)


def prepare(settings: argparse.Namespace, stopwatch: Stopwatch) -> "FeaturizeRun":
    """The run, once the packages that the archive brought have been found to fit and are imported."""
    check_archive()
    from pomona.featurize.run import FeaturizeRun

    return FeaturizeRun(**vars(settings), stopwatch=stopwatch)


def session(settings: argparse.Namespace) -> "SparkSession":
    """Spark's session, under the name of this attempt."""
    name = str(RunName(settings.batch_id, settings.attempt))
    return start_session(name, settings.lake_bucket, WORKERS)


def main(arguments: list[str]) -> int:
    """Run the job; gives the exit status."""
    stopwatch = Stopwatch()
    settings = parse_arguments(arguments)
    # in every line, so that an event can be followed through its batch
    logs.configure(f"batch_id={settings.batch_id} attempt={settings.attempt}")
    try:
        with ThreadPoolExecutor(1) as pool:  # Python imports while the JVM starts its session
            run = pool.submit(prepare, settings, stopwatch)
            with stopwatch.timing("session"):
                spark = start_beside(run, lambda: session(settings))
            run.result().start(lambda: spark)
    except (JobError, FormatError) as error:
        print(f"featurize: {error}", file=sys.stderr)  # noqa: T201 (the platform shows the last line)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
