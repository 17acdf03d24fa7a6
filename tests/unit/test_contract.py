"""The contract: names that survive their parsing, versions as the manual has them, and no package but Python's own."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pomona_contract.documents import (
    backbone,
    bill,
    bundle,
    claim,
    erasure,
    failed_batch,
    failure_pause,
    latest_results,
    nothing_to_fit,
    run_failure,
    run_progress,
    run_record,
)
from pomona_contract.run_names import RunName, new_batch_id, refit_name
from pomona_contract.segment_lines import LINE_FORMAT
from pomona_contract.versions import Format

ROOT = Path(__file__).resolve().parents[2]
MOMENT = datetime(2026, 11, 21, 8, 0, 0, 123_000, tzinfo=UTC)
BATCH = new_batch_id(MOMENT, "0a1b2c3d")
# by the first name in the first column of the manual's table
MANUAL: dict[str, Format] = {
    "queue/pending/*.jsonl": LINE_FORMAT,
    "queue/active.json": claim.FORMAT,
    "queue/failed/*/batch.json": failed_batch.FORMAT,
    "queue/line.json": failure_pause.FORMAT,
    "results/latest.json": latest_results.FORMAT,
    "results/nothing-to-fit.json": nothing_to_fit.FORMAT,
    "runs/*.json": run_record.FORMAT,
    "runs/in-flight.progress": run_progress.FORMAT,
    "runs/*.failure": run_failure.FORMAT,
    "erasures/*/*.json": erasure.FORMAT,
    "bundle.json": bundle.FORMAT,
    "backbones/*.json": backbone.FORMAT,
}


def rows_of_the_manual() -> dict[str, tuple[str, str]]:
    """Field and version of each document in docs/upgrade.md."""
    text = (ROOT / "docs" / "upgrade.md").read_text().partition("## Formats")[2]
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")
    ]
    return {row[0].split("`")[1]: (row[1].strip("`"), row[2]) for row in cells if len(row) == 4}


@pytest.mark.parametrize("document", MANUAL)
def test_the_manual_says_which_versions_are_written_and_read(document: str) -> None:
    form = MANUAL[document]
    field, version = rows_of_the_manual()[document]
    assert (field, int(version.split()[0])) == (form.field, form.written)
    for older in set(form.readable) - {form.written}:
        assert f"({older} is read" in version


def test_bills_have_the_version_of_the_records_beside_them() -> None:
    assert bill.FORMAT == run_record.FORMAT


@pytest.mark.parametrize("name", [f"featurize-{BATCH}-2", refit_name(7, MOMENT)])
def test_a_runs_name_survives_its_parsing(name: str) -> None:
    parsed = RunName.parse(name)

    assert parsed is not None
    assert (str(parsed), parsed.began_at) == (name, MOMENT)
    assert RunName.of_document(parsed.record_key) == RunName.of_document(parsed.bill_key) == parsed


@pytest.mark.parametrize("name", ["", "my-job", "featurize-", "featurize-b-x", "refi-1-2"])
def test_the_run_of_somebody_else_has_no_such_name(name: str) -> None:
    assert RunName.parse(name) is None


@pytest.mark.parametrize(
    "key", ["runs/", "runs/notes.txt", "runs/in-flight.progress", "results/latest.json", "runs/b.json"]
)
def test_another_object_is_no_document_of_a_run(key: str) -> None:
    assert RunName.of_document(key) is None


def test_a_name_without_a_time_tells_none() -> None:
    assert RunName("driven-0a1b2c3d", 1).began_at is None


def test_the_contract_needs_no_package() -> None:
    folder = ROOT / "contract"
    modules = [".".join(path.relative_to(folder).with_suffix("").parts) for path in folder.rglob("*.py")]
    imports = "; ".join(f"import {module.removesuffix('.__init__')}" for module in modules)
    # -S: without the packages that are installed here
    subprocess.run([sys.executable, "-S", "-c", imports], env={"PYTHONPATH": str(folder)}, check=True)
