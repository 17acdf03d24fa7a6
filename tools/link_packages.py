"""Lets an environment import the packages of this checkout, and the pyspark of the Spark environment that runs jobs."""

import sysconfig
from pathlib import Path

SOURCES = ("contract", "functions", "emr_job", "cli")

root = Path(__file__).resolve().parent.parent
here = Path(sysconfig.get_path("purelib"))
spark = root / ".venv" / "spark" / here.relative_to(here.parents[2])
(here / "spark.pth").write_text(f"{spark}\n")
(here / "pomona.pth").write_text("".join(f"{root / source}\n" for source in SOURCES))
