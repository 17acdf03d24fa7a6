"""What the demo writes at the end: the table, the results and the report."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from demo.errors import DemoError
from demo.observer import Observer
from demo.progress import elapsed_seconds, say
from pomona_contract.image_keys import IgnoredNames
from pomona_contract.lake_layout import LATEST_RESULTS


def collect(pomona: Observer, out: Path) -> str:
    """Write the results to `out`, check that the table agrees with the bucket, and return the demo's last line."""
    latest = pomona.document(LATEST_RESULTS)
    if latest is None:
        raise DemoError("there are no results: the refit run did not write results/latest.json")
    shutil.rmtree(out, ignore_errors=True)
    _download(pomona, latest["prefix"], out / "results")
    shutil.copy(out / "results" / "report.html", out / "report.html")
    table = pomona.table()
    pq.write_table(table, out / "features.parquet")
    _check_keys(pomona, table)
    features, errors = (pc.sum(pc.is_valid(table[name])).as_py() or 0 for name in ("features", "error"))
    runs = len(pomona.run_records())
    return (
        f"demo: images={table.num_rows} features={features} errors={errors} runs={runs} "
        f"components={latest['components']} variance={latest['variance']:.2f} seconds={elapsed_seconds():.0f}"
    )


def _check_keys(pomona: Observer, table: pa.Table) -> None:
    """Raise DemoError unless the table has one row for each image of the bucket."""
    ignored = IgnoredNames(tuple(part for part in pomona.outputs.get("IgnoredNames", "").split(",") if part))
    objects = sorted(item["Key"] for item in pomona.objects(pomona.images))
    keys = [key for key in objects if not ignored.matches(key)]
    if len(keys) < len(objects):
        say(f"{len(objects) - len(keys)} objects have no rows, because their names match IgnoredNames")
    if sorted(table["key"].to_pylist()) != keys:
        raise DemoError(f"the table's {table.num_rows} rows are not the bucket's {len(keys)} images")


def _download(pomona: Observer, prefix: str, folder: Path) -> None:
    s3 = pomona.cloud.client("s3")
    for item in pomona.objects(pomona.lake, prefix):
        target = folder / item["Key"].removeprefix(prefix).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(pomona.lake, item["Key"], str(target))
