"""Refits by the driver's own processes: the results of executors, without Spark."""

import os
import signal
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pomona.errors import SupersededError
from pomona.pca.component_choice import parse_components
from pomona.processes import Processes
from pomona.pyiceberg_table.snapshot import PinnedTable
from pomona.refit import run
from pomona.refit.arguments import RefitArguments
from pomona.refit.run import refit
from pomona.table.distribution import DriverProcesses
from pomona.table.maintenance import TableMaintenance
from pomona.table.scan import DataFile
from tests.integration.sessions import Sessions, never
from tests.integration.test_refit_job import mixed
from tests.refit_table import RefitTable


def on_driver(table: RefitTable, start: Any = never, components: str = "10") -> dict[str, Any]:
    names = table.lake, table.database, "features", "tiny"
    arguments = RefitArguments(*names, parse_components(components), processes=2)
    return refit(arguments, start, start_processes=Processes.spawned)


def test_the_driver_alone_finds_what_executors_find(table_of_width, tmp_path):
    # Given a table of several files, with deleted rows
    table = table_of_width(64)
    for number in range(5):
        table.append(mixed(120, 64, seed=number), prefix=f"{number}-")
    table.spark.sql(f"DELETE FROM {table.table.name} WHERE key LIKE '%1-003%'")
    # When executors refit it, and then the driver
    assert table.refit() == 0
    model, projections = table.model(tmp_path), table.projections()
    evaluation = table.result("evaluation.json")
    on_driver(table)
    # Then the driver has the same model, projections and evaluation
    again = table.model(tmp_path)
    np.testing.assert_allclose(again.components, model.components, atol=1e-12)
    np.testing.assert_allclose(again.explained_variance_ratio, model.explained_variance_ratio, atol=1e-12)
    np.testing.assert_allclose(again.classifier.weights, model.classifier.weights, atol=1e-9)
    assert len(projections) == 590
    pd.testing.assert_frame_equal(table.projections(), projections, atol=1e-9)
    assert table.result("evaluation.json") == evaluation


def test_a_table_that_is_too_large_for_the_driver_is_refitted_by_executors(table_of_width, monkeypatch):
    table = table_of_width(64)
    table.append(mixed(60, 64))
    sessions = Sessions(table.spark)
    on_driver(table, sessions)
    assert sessions.started == 0
    monkeypatch.setattr(run, "DRIVER_BYTES", 1000)
    on_driver(table, sessions)
    assert sessions.started == 1
    assert table.latest()["rows"] == 60


def _die(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("call", [1, 3])
def test_executors_take_over_when_a_process_of_the_driver_dies(table_of_width, monkeypatch, call):
    # Given a driver one of whose processes is killed in the survey, or in the second pass
    table = table_of_width(64)
    table.append(mixed(60, 64))
    results, calls = DriverProcesses.results, []

    def then_killed(workers: DriverProcesses, work: list[Any], task: Any) -> Any:
        calls.append(1)
        return results(workers, work, _die if len(calls) == call else task)

    monkeypatch.setattr(DriverProcesses, "results", then_killed)
    sessions = Sessions(table.spark)
    # When the table is refitted, then executors do it in the same run
    on_driver(table, sessions)
    assert (sessions.started, table.latest()["rows"]) == (1, 60)
    assert len(table.projections()) == 60


def test_a_snapshot_that_expires_during_the_refit_leaves_no_results_and_starts_no_spark(table_of_width, monkeypatch):
    # Given a refit that has looked up its files when an erasure takes the snapshot and them away
    table = table_of_width(64)
    table.append(mixed(30, 64))
    planned = PinnedTable.files

    def then_erased(pinned: PinnedTable) -> list[DataFile]:
        files = planned(pinned)
        table.spark.sql(f"DELETE FROM {table.table.name} WHERE key LIKE '%000%'")
        list(TableMaintenance(table.table, timedelta()).thorough(keep=timedelta()))
        return files

    monkeypatch.setattr(PinnedTable, "files", then_erased)
    # When the driver refits it, then the reason is the snapshot, which executors would not find either
    with pytest.raises(SupersededError, match="expired during the refit"):
        on_driver(table)
    assert "Contents" not in table.s3.list_objects_v2(Bucket=table.lake, Prefix="results/latest.json")
