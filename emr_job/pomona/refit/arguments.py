"""The arguments that StartJobRun passes to the refit job, parsed and checked once.

Imports nothing that the archive of packages brings: the archive is checked after the arguments are parsed.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from pomona.pca.component_choice import Components, parse_components


@dataclass(frozen=True)
class RefitArguments:
    """The settings of one refit."""

    lake_bucket: str
    database: str
    """Of the Glue catalog."""
    table: str
    backbone: str
    """Name of the backbone, without its digest."""
    components: Components
    processes: int = 0
    """How many processes of the driver refit a table that is not too large for them; 0 if executors refit any table."""
    backbones: Path | None = None
    """The folder of the backbones; None is the one that job.tar.gz brings."""


def parse_arguments(arguments: list[str]) -> RefitArguments:
    """Return the arguments as RefitArguments. argparse ends the process if one is missing or unknown.

    Raises:
        MisconfiguredError: --components is neither a number nor a share of the variance.
    """
    parser = argparse.ArgumentParser(prog="refit", description="Standardise the feature table and fit a PCA to it.")
    for name in ("lake-bucket", "database", "table", "backbone"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--components", required=True, help="a number such as 100, or a share of variance such as 0.95")
    parser.add_argument("--processes", type=int, default=0, help="of the driver, which refit a table of up to 2 GB")
    parsed = vars(parser.parse_args(arguments))
    return RefitArguments(**parsed | {"components": parse_components(parsed["components"])})
