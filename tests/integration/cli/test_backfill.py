"""`pomona backfill`."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from pomona_contract.segments import parse_segment_name
from tests.cli_documents import HOSTILE, lines
from tests.cli_stack import CliStack
from tests.local_server import ROOT

STOPS_AT_THE_TABLE = """
import signal, time, pomona_cli.queue.backfill
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that run in a shell's background inherit none
def stop(stack):
    print("begun", flush=True)
    time.sleep(600)
pomona_cli.queue.backfill.find_table = stop
from pomona_cli.app import app
app()
"""


def test_backfill_marks_what_the_bucket_lists_and_what_only_the_table_has(stack):
    stack.put("a/1.jpg", "a/2.jpg", *HOSTILE)
    stack.append(stack.row("a/1.jpg"), stack.row("gone/1.jpg"), stack.row("other.jpg", bucket="another-bucket"))
    told = stack.pomona("backfill")
    assert told.exit_code == 0, told.stderr
    assert "10 keys are in the queue, in 1 segment: the bucket lists 9, and 1 is only in the table." in told.stdout
    assert stack.dirty() == sorted(["a/1.jpg", "a/2.jpg", "gone/1.jpg", *HOSTILE])


def test_backfill_before_the_first_run_needs_no_table(stack):
    stack.put("a.jpg")
    assert "1 key is in the queue, in 1 segment:" in stack.pomona("backfill").stdout


def test_a_dry_run_writes_nothing(stack):
    stack.put("a.jpg")
    told = stack.pomona("backfill", "--dry-run", "--json")
    assert lines(told.stdout)[0]["marked"] == 1
    assert stack.dirty() == []


def test_backfill_keeps_to_the_prefix_in_the_bucket_and_in_the_table(stack):
    stack.put("a/1.jpg", "b/1.jpg")
    stack.append(stack.row("a/gone.jpg"), stack.row("b/gone.jpg"))
    stack.pomona("backfill", "--prefix", "a/")
    assert stack.dirty() == ["a/1.jpg", "a/gone.jpg"]


def test_backfill_since_a_day_takes_newer_objects_and_all_that_are_gone(stack):
    stack.put("a.jpg")
    stack.append(stack.row("gone.jpg"))
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d")
    told = stack.pomona("backfill", "--since", tomorrow)
    assert "1 of them older than --since" in told.stdout
    assert stack.dirty() == ["gone.jpg"]


def test_backfill_marks_only_what_the_stack_takes_for_images(aws):
    stack = CliStack(aws, "cli-selection", IMAGES_PREFIXES="a/,c/", IMAGES_SUFFIXES=".jpg")
    stack.put("a/1.jpg", "a/notes.txt", "b/1.jpg", "c/1.jpg")
    stack.pomona("backfill")
    assert stack.dirty() == ["a/1.jpg", "c/1.jpg"]


def test_backfill_leaves_ignored_names_out_and_marks_the_rows_that_they_have(aws):
    stack = CliStack(aws, "cli-ignored", IGNORED_NAMES=".DS_Store,._*")
    stack.put("a/1.jpg", "a/.DS_Store", "a/._1.jpg", "b/.ds_store")
    stack.append(stack.row("a/1.jpg"), stack.row("a/.DS_Store", error="not an image", features=None))
    told = stack.pomona("backfill")
    assert "the bucket lists 1, and 0 are only in the table. 1 row will go: their names are ignored" in told.stdout
    assert stack.dirty() == ["a/.DS_Store", "a/1.jpg"]


def test_many_keys_become_several_segments_of_the_queue(stack):
    stack.append(*(stack.row(f"gone/{number:05d}.jpg", features=None, error="e") for number in range(10_001)))
    stack.pomona("backfill")
    segments = [parse_segment_name(name) for name in stack.aws.keys(stack.lake, "queue/pending/")]
    assert sorted(segment.keys for segment in segments) == [1, 10_000]
    assert len(set(stack.dirty())) == 10_001


def test_a_backfill_that_is_interrupted_says_so_and_can_be_repeated(stack):
    # Given a backfill that has begun
    stack.append(*(stack.row(f"gone/{number:05d}.jpg", features=None, error="e") for number in range(100)))
    path = os.pathsep.join(str(ROOT / folder) for folder in ("cli", "contract", "functions"))
    environment = {**os.environ, **stack.environment(), "PYTHONPATH": path}
    command = [sys.executable, "-c", STOPS_AT_THE_TABLE, "backfill"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "begun\n"
        # When Ctrl-C is pressed
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=60)[1]
    # Then it ends with 130 and a sentence, and a repetition marks everything
    assert (process.returncode, "run the command again to mark all" in told) == (130, True), told
    assert "100 keys are in the queue" in stack.pomona("backfill").stdout
