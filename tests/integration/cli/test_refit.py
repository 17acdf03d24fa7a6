"""`pomona refit` and `pomona report`."""

import webbrowser
from pathlib import Path

import pytest

from tests.cli_documents import lines, user, write
from tests.cli_stack import CliStack

PAGE = b"<!doctype html><title>A report</title>"
STARTED = "The refit was started as run "


def with_rows(aws, name: str) -> CliStack:
    stack = CliStack(aws, name)
    stack.append(stack.row("a/1.jpg"), stack.row("b/1.jpg"))
    return stack


def with_report(stack: CliStack) -> CliStack:
    write(stack, "results/latest.json", {"snapshot_id": 42, "prefix": "results/42/"})
    stack.s3.put_object(Bucket=stack.lake, Key="results/42/report.html", Body=PAGE)
    return stack


def test_an_empty_table_starts_no_refit(common):
    told = common.pomona("refit", "--wait")
    assert (told.exit_code, told.stdout) == (0, "No refit was started: the table has no rows.\n")
    (document,) = lines(common.pomona("refit", "--json").stdout)
    assert document == {"run_id": None, "reason": "the table has no rows", "unfinished_run_id": None}


def test_a_refit_is_started_and_waited_for(aws):
    # Given rows, and a job whose code is not there: its runs fail
    stack = with_rows(aws, "cli-refit")
    # When a refit is started and waited for
    told = stack.pomona("refit", "--wait")
    # Then it was started, and its failure is the command's
    assert told.stdout.startswith(STARTED)
    assert told.exit_code == 1
    assert "ended as FAILED: " in told.stderr
    assert "See `pomona logs refit-" in told.stderr
    # And without --wait the next one is only started
    again = stack.pomona("refit", **user(aws, "refitter", "cloudformation:DescribeStacks", "lambda:InvokeFunction"))
    assert (again.exit_code, again.stdout.startswith(STARTED)) == (0, True)


def test_nothing_is_refitted_twice(aws):
    stack = with_rows(aws, "cli-refitted")
    write(stack, "results/latest.json", {"snapshot_id": stack.table().current_snapshot().snapshot_id})
    told = stack.pomona("refit", "--wait")
    reason = "neither rows nor settings have changed since the last refit"
    assert (told.exit_code, told.stdout) == (0, f"No refit was started: {reason}.\n")


def test_a_function_that_fails_is_told_with_its_reason(stack):
    write(stack, "results/latest.json", {"format": 99})
    told = stack.pomona("refit")
    assert told.exit_code == 1
    assert "failed: results/latest.json has format 99" in told.stderr


def test_the_report_is_written_to_a_file(stack, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with_report(stack)
    # When the report is asked for, then it is in a file of this folder, or in the one that is named
    told = stack.pomona("report")
    assert (told.exit_code, told.stdout) == (0, "")
    assert f"The report of snapshot 42 is in {stack.name}-report.html" in told.stderr
    assert Path(f"{stack.name}-report.html").read_bytes() == PAGE
    viewer = user(stack.aws, "viewer", "cloudformation:DescribeStacks", "s3:GetObject", "s3:ListBucket")
    assert stack.pomona("report", "--out", "other.html", **viewer).exit_code == 0
    assert Path("other.html").read_bytes() == PAGE
    # And an existing file is overwritten only with --force
    Path("other.html").write_bytes(b"mine")
    assert stack.pomona("report", "--out", "other.html").exit_code == 1
    assert Path("other.html").read_bytes() == b"mine"
    assert stack.pomona("report", "--out", "other.html", "--force").exit_code == 0
    assert Path("other.html").read_bytes() == PAGE


def test_the_report_can_go_to_stdout(stack):
    assert with_report(stack).pomona("report", "--out", "-").stdout_bytes == PAGE
    assert stack.pomona("report", "--out", "-", "--open").exit_code == 2


@pytest.mark.parametrize("has_browser", [True, False])
def test_the_report_is_opened_in_the_browser(stack, monkeypatch, has_browser):
    with_report(stack)
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: bool(opened.append(address)) or has_browser)
    told = stack.pomona("report", "--open")
    (address,) = opened
    file = Path(address.removeprefix("file://"))
    assert file.read_bytes() == PAGE
    assert told.exit_code == (0 if has_browser else 1)
    assert ("No browser could be opened" in told.stderr) is not has_browser
    file.unlink()
    file.parent.rmdir()


def test_a_report_that_is_not_there_is_told(stack):
    told = stack.pomona("report")
    assert (told.exit_code, "There is no report yet" in told.stderr) == (1, True)
    write(stack, "results/latest.json", {"snapshot_id": 42, "prefix": "results/42/"})
    told = stack.pomona("report")
    assert (told.exit_code, "The report of snapshot 42 is not in the lake any more" in told.stderr) == (1, True)
