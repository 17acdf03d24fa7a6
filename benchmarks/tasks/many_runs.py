"""Many featurize runs of one table, one after the other in one session: what a hundred spark-submits leave behind.

many_runs.py FOLDER   with a folder for each run: arguments.json (of StartJobRun), active.json, objects/<key>

Prints the seconds of each run. The job's own code does all the work; only the sessions' starts are saved.
"""

import json
import sys
import time
from pathlib import Path

from pyspark.sql import SparkSession

from pomona.featurize.arguments import parse_arguments
from pomona.featurize.run import featurize
from pomona.s3.objects import s3_client
from pomona.spark_session import start_session
from pomona_contract.lake_layout import CLAIM


def prepare(folder: Path, lake: str, images: str) -> None:
    """The batch in flight, and its changed images."""
    s3 = s3_client()
    objects = folder / "objects"
    for path in objects.rglob("*.jpg"):
        s3.put_object(Bucket=images, Key=path.relative_to(objects).as_posix(), Body=path.read_bytes())
    s3.put_object(Bucket=lake, Key=CLAIM, Body=(folder / "active.json").read_bytes())


def main() -> None:
    """Every folder, in order."""
    seconds: list[float] = []
    session: SparkSession | None = None
    for folder in sorted(Path(sys.argv[1]).iterdir()):
        arguments = parse_arguments(json.loads((folder / "arguments.json").read_text()))
        prepare(folder, arguments.lake_bucket, arguments.images_bucket)
        spark = session = session or start_session("many-runs", arguments.lake_bucket)
        began = time.perf_counter()
        featurize(arguments, spark)
        seconds.append(round(time.perf_counter() - began, 2))
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
