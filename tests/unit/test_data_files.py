"""Which files a snapshot has: as pyiceberg's own planner finds them, but a manifest is decoded once in a process."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.memory import InMemoryCatalog
from pyiceberg.expressions import And, BooleanExpression, GreaterThanOrEqual, LessThanOrEqual
from pyiceberg.manifest import ManifestFile
from pyiceberg.schema import Schema
from pyiceberg.table import Table

from pomona.pyiceberg_table import data_files as module
from pomona.pyiceberg_table.data_files import data_files
from pomona.pyiceberg_table.kept_files import KeptFiles
from pomona.table.schema import PROPERTIES, ROWS, table_schema


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    """A table of five files, each with the keys of one letter."""
    catalog = InMemoryCatalog("lake", warehouse=f"file://{tmp_path}")
    catalog.create_namespace("fruit")
    made = catalog.create_table("fruit.features", Schema.model_validate(table_schema()), properties=PROPERTIES)
    for letter in "abcde":
        made.append(rows_of(letter))
    yield made
    catalog.close()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of the manifests that were decoded."""
    keep(monkeypatch, module.MOST_ENTRIES)
    found: list[str] = []
    original = ManifestFile.fetch_manifest_entry

    def fetch(self: ManifestFile, io: object, discard_deleted: bool = True) -> object:
        found.append(self.manifest_path)
        return original(self, io, discard_deleted)

    monkeypatch.setattr(ManifestFile, "fetch_manifest_entry", fetch)
    return found


def keep(monkeypatch: pytest.MonkeyPatch, entries: int) -> None:
    """Begin with nothing kept, and keep so many entries at most."""
    kept = KeptFiles[ManifestFile, Any](lambda manifest: str(manifest.manifest_path), len, entries)
    monkeypatch.setattr(module, "_KEPT", kept)


def rows_of(letter: str) -> pa.Table:
    some = {"key": [f"{letter}/1.jpg", f"{letter}/2.jpg"], "bucket": ["images"] * 2}
    others = {"featurized_at": [datetime(2026, 1, 1, tzinfo=UTC)] * 2, "batch_id": ["batch"] * 2, "backbone": ["x"] * 2}
    columns = {**some, **others}
    return pa.Table.from_arrays(
        [pa.array(columns.get(field.name, [None] * 2), field.type) for field in ROWS], schema=ROWS
    )


def found(table: Table, row_filter: BooleanExpression | None = None) -> list[str]:
    snapshot = table.current_snapshot()
    assert snapshot is not None
    return [file.location for file in data_files(table, snapshot.snapshot_id, row_filter)]


def between(low: str, high: str) -> BooleanExpression:
    return And(GreaterThanOrEqual("key", low), LessThanOrEqual("key", high))


@pytest.mark.parametrize(("low", "high", "count"), [("", "z", 5), ("b/2.jpg", "d/1.jpg", 3), ("a/3", "a/9", 0)])
def test_the_files_are_those_that_pyiceberg_finds(table: Table, low: str, high: str, count: int) -> None:
    for _ in range(2):  # from the lake, and then from what is kept
        mine = found(table, between(low, high))
        assert mine == sorted(task.file.file_path for task in table.scan(between(low, high)).plan_files())
        assert len(mine) == count


def test_only_manifests_that_are_new_are_decoded(table: Table, decoded: list[str]) -> None:
    # Given a process that has seen the five files
    before = found(table)
    assert len(decoded) == 5
    # When another is added
    table.append(rows_of("f"))
    after = found(table)
    # Then only its manifest is decoded, and all six are found
    assert len(decoded) == 6
    assert len(after) == 6
    assert set(before) < set(after)


def test_no_more_is_kept_than_the_bound(table: Table, decoded: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a bound of two entries
    keep(monkeypatch, 2)
    # When the files are listed twice
    assert found(table) == found(table)
    # Then all are found, and what was not kept is decoded again
    assert len(decoded) == 5 + 3
