"""The commands for the queue: retry, discard, resume and repair."""

import pytest

from pomona_contract.documents.failure_pause import FailurePause
from pomona_contract.lake_layout import CLAIM, FAILURE_PAUSE
from pomona_contract.segment_lines import DirtyKey
from pomona_intake.queue.segment_writer import SegmentWriter
from pomona_intake.s3.lake import Lake
from tests.cli_documents import BATCH, fail, lines, waiting_claim


def test_retry_puts_a_failed_batch_back_once(stack):
    fail(stack, BATCH, "a", "b")
    told = stack.pomona("retry", BATCH)
    assert told.exit_code == 0, told.stderr
    assert stack.dirty() == ["a", "b"]
    again = stack.pomona("retry", BATCH)
    assert (again.exit_code, f"There is no failed batch '{BATCH}'. Failed are: none" in again.stderr) == (1, True)


def test_retry_all_puts_every_batch_back(stack):
    fail(stack, "20261119T120000000Z-1", "a")
    fail(stack, "20261119T120000000Z-2", "b")
    told = stack.pomona("retry", "--all", "--json")
    assert [one["batch_id"] for one in lines(told.stdout)] == ["20261119T120000000Z-1", "20261119T120000000Z-2"]
    assert stack.dirty() == ["a", "b"]
    assert stack.pomona("retry", "--all").stdout == "No batch has failed.\n"


@pytest.mark.parametrize("words", [("retry",), ("retry", BATCH, "--all")])
def test_retry_asks_for_one_or_all(common, words):
    told = common.pomona(*words)
    assert (told.exit_code, "either a BATCH or --all" in told.stderr) == (2, True)


def test_retry_of_errors_marks_just_those_keys(stack):
    # Given errors of two kinds in two folders, an image that could be read, and an error in another bucket
    large, text = "too large: 5,000 pixels are above the limit of 1,000", "not an image: it begins with text"
    stack.append(
        stack.row("a/1.jpg", error=large, features=None),
        stack.row("a/2.jpg", error=text, features=None),
        stack.row("a/3.jpg"),
        stack.row("b/1.jpg", error=large, features=None),
    )
    stack.append(stack.row("c/1.jpg", error=text, features=None, bucket="another-bucket"))
    # When those of one reason below a prefix are retried, then those alone are in the queue
    told = stack.pomona("retry", "--errors", "--prefix", "a/", "--reason", "Too Large")
    assert (told.exit_code, told.stdout) == (0, "1 key is in the queue, in 1 segment.\n"), told.stderr
    assert stack.dirty() == ["a/1.jpg"]
    # and without a choice all errors are
    told = stack.pomona("retry", "--errors", "--json")
    assert lines(told.stdout) == [{"marked": 3, "segments": 1}]
    assert stack.dirty() == ["a/1.jpg", "a/1.jpg", "a/2.jpg", "b/1.jpg"]
    # and where there is none, nothing is written
    told = stack.pomona("retry", "--errors", "--prefix", "zebra/")
    assert (told.exit_code, told.stdout) == (0, "No image has such an error.\n")
    assert len(stack.dirty()) == 4


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("retry", BATCH, "--errors"), "a BATCH or --all, or --errors"),
        (("retry", "--all", "--errors"), "a BATCH or --all, or --errors"),
        (("retry", "--all", "--prefix", "a/"), "need --errors"),
        (("retry", BATCH, "--reason", "x"), "need --errors"),
    ],
)
def test_retry_of_errors_and_of_batches_are_two_things(common, words, sentence):
    told = common.pomona(*words)
    assert (told.exit_code, sentence in told.stderr) == (2, True)


def test_retry_of_errors_writes_many_keys_in_several_segments(stack):
    stack.append(*(stack.row(f"bad/{number:05d}.jpg", features=None, error="e") for number in range(10_001)))
    assert "10001 keys are in the queue, in 2 segments." in stack.pomona("retry", "--errors").stdout
    assert len(set(stack.dirty())) == 10_001


def test_discard_lets_go_of_a_failed_batch_after_a_question(stack):
    # Given two failed batches
    fail(stack, "20261119T120000000Z-1", "a", "b")
    fail(stack, "20261119T120000000Z-2", "c")
    # When nobody can be asked, then nothing happens, and what would go is told
    asked = stack.pomona("discard", "20261119T120000000Z-1")
    assert (asked.exit_code, "pass --yes. Nothing was discarded." in asked.stderr) == (1, True)
    assert r"20261119T120000000Z-1: 2 keys, failed because Job failed: \x1b[31mno memory" in asked.stderr
    # When it is meant, then only that batch is gone
    told = stack.pomona("discard", "20261119T120000000Z-1", "--yes")
    assert (told.exit_code, told.stdout) == (0, "20261119T120000000Z-1: discarded.\n")
    (document,) = lines(stack.pomona("status", "--json").stdout)
    assert [batch["batch_id"] for batch in document["failed_batches"]] == ["20261119T120000000Z-2"]
    assert stack.dirty() == []
    gone = stack.pomona("discard", "20261119T120000000Z-1", "--yes")
    assert (gone.exit_code, "There is no failed batch" in gone.stderr) == (1, True)


def test_a_paused_line_and_a_waiting_batch_are_told_and_resumed(stack):
    # Given a batch that waits for its second attempt, and a queue that is paused
    stack.s3.put_object(Bucket=stack.lake, Key=CLAIM, Body=waiting_claim().to_json())
    pause = FailurePause(("a", BATCH), "2999-01-01T00:00:00.000Z", "Glue says \x1b[31mno")
    stack.s3.put_object(Bucket=stack.lake, Key=FAILURE_PAUSE, Body=pause.to_json())
    # Then the status says so
    told = stack.pomona("status").stdout
    assert r"waiting (not before 2999-01-01T00:00:00.000Z: Glue says \x1b[31mno)" in told
    assert "paused     until 2999-01-01 00:00:00 UTC: 2 batches failed in a row" in told
    (document,) = lines(stack.pomona("status", "--json").stdout)
    assert (document["in_flight"]["state"], document["pause"]["is_paused"]) == ("waiting", True)
    # When an operator resumes it, then neither waits any longer
    assert stack.pomona("resume").exit_code == 0
    (document,) = lines(stack.pomona("status", "--json").stdout)
    assert document["pause"]["failed"] == []
    assert document["in_flight"]["state"] != "waiting"


@pytest.mark.parametrize("body", [b"", b"[]", b'{"format": 1, "batch', b'{"format": 99}', b"\xff\x00"])
def test_an_unreadable_claim_is_told_in_a_sentence_and_repaired(stack, body):
    # Given a pending segment, and a claim that nobody can read
    SegmentWriter(Lake(stack.s3, stack.lake), lambda step: None).write([DirtyKey(stack.images, "a", "t")], "r")
    stack.s3.put_object(Bucket=stack.lake, Key=CLAIM, Body=body)
    # Then every command that needs it says so, and what to do
    for words in (("status",), ("resume",)):
        told = stack.pomona(*words)
        said = told.stdout + told.stderr
        assert "queue/active.json" in said
        assert "`pomona repair`" in said
        assert "Traceback" not in said
    (document,) = lines(stack.pomona("status", "--json").stdout)
    assert document["problem"].startswith("queue/active.json ")
    # When nobody can be asked, nothing changes; when it is meant, the claim lies aside and its keys are pending
    assert stack.pomona("repair").exit_code == 1
    told = stack.pomona("repair", "--yes", "--json")
    (said,) = lines(told.stdout)
    assert stack.s3.get_object(Bucket=stack.lake, Key=said["set_aside"])["Body"].read() == body
    (document,) = lines(stack.pomona("status", "--json").stdout)
    assert (document["problem"], document["in_flight"], document["pending"]["keys"]) == ("", None, 1)
    assert "nothing to repair" in stack.pomona("repair").stdout
