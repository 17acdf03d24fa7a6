"""The history of the refits is what their documents in the lake say; what is damaged or missing is left out."""

import json

import pytest

from pomona.refit.history import SHOWN_HISTORY, past_refits
from pomona.refit.run_records import recorded_runs
from pomona_contract.prices import BilledHours
from tests.bills import bill, failed, succeeded


def write(s3, folder, day, **more):
    model = {"format": 1, "snapshot_id": int(folder.split("-")[0]), "rows": 100 + day, "variance": 0.9}
    model |= {"refitted_at": f"2026-11-{day:02d}T11:00:00+00:00", "classes": 2, "errors": 4} | more
    s3.put_object(Bucket="lake", Key=f"results/{folder}/model.json", Body=json.dumps(model).encode())


def history(but="results/0/"):
    return past_refits("lake", but, recorded_runs("lake").refits)


def test_the_figures_of_earlier_refits_are_newest_first(lake):
    # Given three refits, of which the second has an accuracy, and the third is the present one
    write(lake, "1", 1)
    write(lake, "2", 2)
    lake.put_object(Bucket="lake", Key="results/2/evaluation.json", Body=b'{"accuracy": 0.75}')
    write(lake, "3", 3)
    found = history(but="results/3/")
    assert [(one.rows, one.errors, one.classes, one.accuracy) for one in found] == [
        (102, 4, 2, 0.75),
        (101, 4, 2, None),
    ]


def test_the_cost_is_that_of_the_last_run_of_the_snapshot_that_succeeded_before(lake):
    # Given two refits of snapshot 7 with different settings, and a run in between that failed
    write(lake, "7", 1)
    write(lake, "7-2", 3)
    hours = [BilledHours(1.0, 4.0, 0.0), BilledHours(2.0, 8.0, 0.0), BilledHours(4.0, 16.0, 0.0)]
    bill(lake, "lake", succeeded("refit-7-20261101T105000000Z", billed=hours[0]))
    bill(lake, "lake", failed("refit-7-20261103T104000000Z", "no memory", billed=hours[2]))
    bill(lake, "lake", succeeded("refit-7-20261103T103000000Z", billed=hours[1]))
    # And one of another snapshot that was due later
    bill(lake, "lake", succeeded("refit-8-20261103T105500000Z", billed=hours[2]))
    found = history()
    assert [one.cost for one in found] == pytest.approx([0.1515, 0.0758], abs=1e-4)
    assert {one.currency for one in found} == {"USD"}


@pytest.mark.parametrize("body", [b"no JSON", b"[]", b"{}", b'{"refitted_at": null'])
def test_damaged_results_are_left_out(lake, body, caplog):
    write(lake, "1", 1)
    lake.put_object(Bucket="lake", Key="results/2/model.json", Body=body)
    assert len(history()) == 1
    assert "The report leaves them out" in caplog.text


def test_results_of_a_release_without_classes_have_what_is_known(lake):
    lake.put_object(
        Bucket="lake",
        Key="results/1/model.json",
        Body=b'{"rows": 5, "variance": 0.5, "refitted_at": "2026-11-01T11:00:00+00:00"}',
    )
    (found,) = history()
    assert (found.rows, found.variance, found.errors, found.classes, found.cost) == (5, 0.5, None, None, None)


def test_no_more_refits_are_shown_than_are_kept(lake):
    for day in range(1, 20):
        write(lake, str(day), day)
    found = history()
    assert len(found) == SHOWN_HISTORY
    assert found[0].rows == 119
