"""Single uploads at a steady pace, through the unchanged template: which lane takes them, how soon, and at what cost.

PYTHONPATH=contract:functions:emr_job .venv/development/bin/python -m benchmarks.uploads [--images N] [--minutes N]

It prints what became of the images, and returns 1 if the table is not equal to the bucket. The embedded AWS, the
functions and the uploads share the cores of this machine.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from benchmarks.cloud import embedded_aws
from benchmarks.pictures import Pictures
from benchmarks.places import BenchError
from demo.cloud import EmbeddedCloud
from demo.deploy import deploy
from demo.observer import Observer
from pomona_contract.run_names import RunName

SETTINGS = {"BackboneName": "fruitnet", "ClockSchedule": "rate(1 minute)", "LaunchAfterMinutes": "1"}
"""So that what the cluster does for the express lane, joining its small files, is seen soon after the last upload."""
PATIENCE_SECONDS = 1800
LOOK_EVERY_SECONDS = 2


def main() -> int:
    """The command."""
    asked = _arguments()
    with (
        tempfile.TemporaryDirectory(prefix="pomona-uploads-") as folder,
        embedded_aws(Path(folder) / "aws") as endpoint,
    ):
        cloud = EmbeddedCloud(endpoint)
        parameters = SETTINGS | {"BatchWindowSeconds": str(asked.window)}
        pomona = Observer(cloud, deploy(cloud, Path(folder), parameters))
        seconds = _upload(pomona, asked.images, asked.minutes * 60)
        settled = _settle(pomona)
        print(f"{asked.images:,} uploads in {seconds:.0f} s; the last row {settled:.0f} s after the last upload")
        return _tell(pomona)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--window", type=int, default=5, help="BatchWindowSeconds of the stack")
    return parser.parse_args()


def _upload(pomona: Observer, images: int, seconds: float) -> float:
    """Upload one image after the other, evenly over the time; return the seconds that it took."""
    s3, began = pomona.cloud.client("s3"), time.monotonic()
    for number, (key, body) in enumerate(Pictures().repeated(images)):
        time.sleep(max(0.0, began + seconds * number / images - time.monotonic()))
        s3.put_object(Bucket=pomona.images, Key=key, Body=body)
    return time.monotonic() - began


def _settle(pomona: Observer) -> float:
    """Wait until nothing waits for its row any more; return the seconds that it took."""
    began = time.monotonic()
    while waiting := pomona.waiting():
        if time.monotonic() > began + PATIENCE_SECONDS:
            raise BenchError(f"after {PATIENCE_SECONDS} s: {waiting}")
        time.sleep(LOOK_EVERY_SECONDS)
    return time.monotonic() - began


def _tell(pomona: Observer) -> int:
    """Print what became of the images; return 0 if the table is equal to the bucket, else 1."""
    rows = pomona.table().select(["key", "etag", "last_modified", "featurized_at", "error"]).to_pylist()
    bucket = {item["Key"]: item["ETag"].strip('"') for item in pomona.objects(pomona.images)}
    is_equal = len(rows) == len(bucket) and {row["key"]: row["etag"] for row in rows} == bucket
    print(
        f"{len(rows):,} rows, {sum(row['error'] is not None for row in rows)} errors; "
        f"the table {'is' if is_equal else 'is NOT'} equal to the bucket"
    )
    waits = [(row["featurized_at"] - row["last_modified"]).total_seconds() for row in rows]
    half, most, all_of_them = np.percentile(waits, [50, 95, 100])
    print(f"from an upload to its features: {half:.1f} s (median), {most:.1f} s (95 %), {all_of_them:.1f} s (longest)")
    _tell_runs(pomona)
    files = [item for item in pomona.objects(pomona.lake, "warehouse/") if "/data/" in item["Key"]]
    print(
        f"{len(files):,} data files in the lake, {sum(item['Size'] for item in files) / 1e6:.1f} MB; "
        f"{len(pomona.failed_batches())} failed batches"
    )
    return 0 if is_equal and not pomona.failed_batches() else 1


def _tell_runs(pomona: Observer) -> None:
    """Print for each lane how many runs there were, of how many keys, and what they cost at list prices."""
    keys: Counter[str] = Counter()
    runs: Counter[str] = Counter()
    costs: defaultdict[str, float] = defaultdict(float)
    for record in pomona.run_records():
        lane = record["lane"]
        runs[lane] += 1
        keys[lane] += record["keys"]
        bill = pomona.document(RunName(record["batch_id"], record["attempt"]).bill_key)
        costs[lane] += (bill and bill["cost"]) or 0.0
    for lane in sorted(runs):
        print(f"{lane}: {runs[lane]} runs with {keys[lane]:,} keys, {costs[lane]:.6f} USD")


if __name__ == "__main__":
    sys.exit(main())
