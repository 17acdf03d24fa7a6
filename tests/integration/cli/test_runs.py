"""`pomona runs`."""

import pytest

from pomona_contract.prices import BilledHours
from tests.bills import bill, failed, succeeded
from tests.cli_documents import BATCH, lines, write
from tests.cli_stack import CliStack


def record(stack: CliStack, batch: str, seconds: float = 61.0) -> None:
    counts = {"done": 5, "errors": 0}
    write(
        stack, f"runs/{batch}-1.json", {"batch_id": batch, "keys": 5, "images": counts, "seconds": {"total": seconds}}
    )


def test_runs_are_told_with_what_was_billed(stack):
    # Given two recorded runs, of which one was billed
    oldest, newest = "20261120T120100000Z-abc", "20261120T120200000Z-abc"
    for batch in (oldest, newest):
        record(stack, batch)
    bill(stack.s3, stack.lake, succeeded(f"featurize-{newest}-1", billed=BilledHours(0.5, 2.0, 0.0)))
    # When runs are asked for
    told, unbilled = lines(stack.pomona("runs", "--json").stdout)
    # Then the newest is first, and an unknown cost is not guessed
    assert (told["batch"], told["attempt"], told["state"]) == (newest, 1, "SUCCESS")
    assert told["billed"]["vcpu_hours"] == 0.5
    assert (told["cost"], told["currency"]) == (pytest.approx(0.5 * 0.052624 + 2 * 0.0057785), "USD")
    assert (unbilled["billed"], unbilled["cost"]) == (None, None)
    table = stack.pomona("runs").stdout
    assert "1 min 1 s" in table
    assert "unknown" in table
    assert len(lines(stack.pomona("runs", "--limit", "1", "--json").stdout)) == 1


def test_refits_are_told_among_the_runs_with_what_was_billed(stack):
    # Given a refit between two featurize runs, which EMR Serverless has forgotten, as it does after a while
    before, after = "20261120T120000000Z-abc", "20261120T140000000Z-abc"
    refit = "refit-42-20261120T130000000Z"
    for batch in (before, after):
        record(stack, batch)
    bill(stack.s3, stack.lake, succeeded(refit, seconds=125, billed=BilledHours(0.25, 1.0, 0.0)))
    # When runs are asked for
    told = lines(stack.pomona("runs", "--json").stdout)
    # Then the refit is in its place, with its time and cost
    assert [run["batch"] for run in told] == [after, refit, before]
    assert (told[1]["attempt"], told[1]["seconds"], told[1]["state"]) == (None, 125, "SUCCESS")
    assert told[1]["cost"] == pytest.approx(0.25 * 0.052624 + 1.0 * 0.0057785)
    shown = stack.pomona("runs").stdout
    assert all(cell in shown for cell in (refit, "2 min 5 s", "0.250", "0.0189 USD"))


def test_a_failed_run_is_told_with_its_reason_and_cost(stack):
    # Given a run and a refit that failed, which EMR Serverless has forgotten
    bill(stack.s3, stack.lake, failed(f"featurize-{BATCH}-2", "run 00a ended as FAILED: \x1b[31mno memory"))
    bill(stack.s3, stack.lake, failed("refit-42-20261120T130000000Z", "run 00b ended as FAILED: no disk", billed=None))
    # When runs are asked for
    told = stack.pomona("runs", "--json")
    refit, featurize = lines(told.stdout)
    shown = stack.pomona("runs").stdout
    # Then each has its reason; a cost that is not known yet is not guessed
    assert featurize["details"] == "run 00a ended as FAILED: \x1b[31mno memory"
    assert (featurize["state"], featurize["attempt"], featurize["cost"] > 0) == ("FAILED", 2, True)
    assert (refit["details"], refit["cost"]) == ("run 00b ended as FAILED: no disk", None)
    assert rf"{BATCH}, attempt 2 failed: run 00a ended as FAILED: \x1b[31mno memory" in shown
    assert "refit-42-20261120T130000000Z failed: run 00b ended as FAILED: no disk" in shown


def test_a_bill_of_an_earlier_release_is_still_read(stack):
    # Given the bill of a release that wrote neither a cost nor a reason
    earlier = {"batch_id": BATCH, "attempt": 1, "run_id": "00a", "state": "SUCCESS", "seconds": 60}
    hours = {"vcpu_hours": 0.5, "memory_gb_hours": 2.0, "storage_gb_hours": 0.0}
    write(stack, f"runs/{BATCH}-1.billed.json", {**earlier, **hours})
    # When runs are asked for, then the cost is computed at the present prices
    (told,) = lines(stack.pomona("runs", "--json").stdout)
    assert (told["cost"], told["seconds"]) == (pytest.approx(0.5 * 0.052624 + 2 * 0.0057785), 60)
