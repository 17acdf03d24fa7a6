"""Entry point of the featurize job: makes the rows of a batch's dirty keys agree with the images bucket."""

import argparse
import logging
import sys

from pomona.errors import JobError
from pomona.featurize_run import FeaturizeRun
from pomona.session import check_archive, start_session


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
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run the job; gives the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    settings = parse_arguments(arguments)
    try:
        check_archive()
        run = FeaturizeRun(**vars(settings))
        run.start(lambda: start_session(f"featurize-{run.batch_id}-{run.attempt}", run.lake_bucket))
    except JobError as error:
        print(f"featurize: {error}", file=sys.stderr)  # noqa: T201 (the platform shows the last line of stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
