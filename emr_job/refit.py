"""Entry point of the refit job: standardises the whole feature table and fits a PCA to it, at one snapshot."""

import argparse
import logging
import sys

from pomona.components import parse_components
from pomona.errors import JobError
from pomona.refit_run import RefitRun
from pomona.session import check_archive, plan_in_order, start_session

PACKAGES = ("numpy", "pyarrow", "pandas", "boto3", "matplotlib")


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """What StartJobRun passes."""
    parser = argparse.ArgumentParser(prog="refit", description=__doc__)
    for name in ("lake-bucket", "database", "table", "backbone"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--components", required=True, help="a number such as 100, or a share of variance such as 0.95")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run the job; gives the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    settings = vars(parse_arguments(arguments))
    try:
        check_archive(PACKAGES)
        run = RefitRun(**settings | {"components": parse_components(settings["components"])})
        run.start(lambda: plan_in_order(start_session("refit", run.lake_bucket)))
    except JobError as error:
        print(f"refit: {error}", file=sys.stderr)  # noqa: T201 (the platform shows the last line of stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
