"""Entry point of the refit job: standardises the whole feature table and fits a PCA to it, at one snapshot."""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pomona import logs
from pomona.errors import JobError
from pomona.spark_session import check_archive, start_beside, start_session
from pomona.stopwatch import Stopwatch
from pomona_contract.errors import FormatError

if TYPE_CHECKING:
    from pomona.refit.run import RefitRun

PACKAGES = ("numpy", "pyarrow", "pandas", "boto3", "matplotlib")


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """What StartJobRun passes."""
    parser = argparse.ArgumentParser(prog="refit", description=__doc__)
    for name in ("lake-bucket", "database", "table", "backbone"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--components", required=True, help="a number such as 100, or a share of variance such as 0.95")
    return parser.parse_args(arguments)


def prepare(settings: argparse.Namespace, stopwatch: Stopwatch) -> "RefitRun":
    """The run, once the packages that the archive brought have been found to fit and are imported."""
    check_archive(PACKAGES)
    from pomona.pca.component_choice import parse_components
    from pomona.refit.run import RefitRun

    components = parse_components(settings.components)
    return RefitRun(**vars(settings) | {"components": components}, stopwatch=stopwatch)


def main(arguments: list[str]) -> int:
    """Run the job; gives the exit status."""
    logs.configure()
    stopwatch = Stopwatch()
    settings = parse_arguments(arguments)
    try:
        with ThreadPoolExecutor(1) as pool:  # Python imports while the JVM starts its session
            run = pool.submit(prepare, settings, stopwatch)
            with stopwatch.timing("session"):
                spark = start_beside(run, lambda: start_session("refit", settings.lake_bucket))
            run.result().start(lambda: spark)
    except (JobError, FormatError) as error:
        print(f"refit: {error}", file=sys.stderr)  # noqa: T201 (the platform shows the last line)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
