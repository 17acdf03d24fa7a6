"""Lets the development environment import the pyspark of the Spark environment: the one that runs jobs."""

import sysconfig
from pathlib import Path

here = Path(sysconfig.get_path("purelib"))
spark = Path(__file__).resolve().parent.parent / ".venv" / "spark" / here.relative_to(here.parents[2])
(here / "spark.pth").write_text(f"{spark}\n")
