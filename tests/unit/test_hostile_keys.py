"""Hostile keys on their way from S3's event to the arguments of a run: they stay data, byte for byte."""

import io
import json
import shlex
from typing import Any
from urllib.parse import quote_plus

import boto3
import pytest

from benchmarks.template import RESOURCES
from pomona.featurize.partitioning import plan
from pomona.featurize.segment_reader import SegmentContent, read_segment
from pomona.table.row_lookup import KNOWN_ROWS
from pomona.table.schema import label_of
from pomona_intake import telemetry
from pomona_intake.queue.failed_batches import FailedBatches
from pomona_intake.queue.segment_writer import SegmentWriter
from pomona_intake.s3.lake import Lake
from tests.hostile import KEYS
from tests.unit.stage import Context, Stage

IMAGES = RESOURCES["IMAGES_BUCKET"]


def test_the_longest_is_as_long_as_s3_takes():
    assert max(len(key.encode()) for key in KEYS) == 1024


def event(keys: tuple[str, ...], **fields: str) -> dict[str, Any]:
    """What SQS hands over: one message of S3 for each key, which S3 form-encodes."""
    records = [
        {
            "messageId": str(number),
            "body": json.dumps(
                {
                    "Records": [
                        {
                            "eventSource": "aws:s3",
                            "eventName": fields.get("name", "ObjectCreated:Put"),
                            "s3": {"bucket": {"name": IMAGES}, "object": {"key": quote_plus(key), "eTag": KEYS[0]}},
                        }
                    ]
                }
            ),
        }
        for number, key in enumerate(keys)
    ]
    return {"Records": records}


def ingest(stage: Stage, event: dict[str, Any]) -> Any:
    import ingest

    return ingest.handler(event, Context())


def test_a_segment_holds_the_keys_as_the_bucket_has_them(stage: Stage):
    answer = ingest(stage, event(KEYS))
    assert answer == {"batchItemFailures": []}
    assert stage.dirty() == list(KEYS)
    # and neither the object's own name nor the run that is started holds any part of a key
    (segment,) = stage.names("queue/pending/")
    assert segment.removeprefix("queue/pending/").replace("-", "").replace(".jsonl", "").isalnum()


def test_no_key_reaches_the_command_of_the_run(stage: Stage):
    ingest(stage, event(KEYS))
    stage.invoke("advance", "advance-clock")
    submit = stage.claim()["parameters"]["jobDriver"]["sparkSubmit"]
    words = [*submit["entryPointArguments"], *shlex.split(submit["sparkSubmitParameters"])]
    assert not [word for word in words for key in KEYS if key in word]
    # whatever is told, nothing of it is more than one word to a shell
    assert all(shlex.quote(word) == word for word in submit["entryPointArguments"])


def test_the_fields_of_an_event_that_nobody_reads_change_nothing(stage: Stage):
    for name in ("'; drop table x; --", "<script>", "$(touch pomona-owned)"):
        assert ingest(stage, event(("apple/1.jpg",), name=name)) == {"batchItemFailures": []}
    assert set(stage.dirty()) == {"apple/1.jpg"}


@pytest.mark.parametrize("message", [*KEYS, json.dumps({"Records": KEYS}), json.dumps({"Records": [{"s3": KEYS[0]}]})])
def test_a_hostile_message_is_refused_and_logged_as_one_line(stage: Stage, monkeypatch, message):
    written = io.StringIO()
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", written)
    answer = ingest(stage, {"Records": [{"messageId": "1", "body": message}]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    refusal = [json.loads(line) for line in written.getvalue().splitlines()]
    assert any(line["message"] == "a message was refused" for line in refusal)


def test_the_job_reads_from_the_segment_what_the_intake_wrote(stage: Stage):
    ingest(stage, event(KEYS))
    (segment,) = stage.names("queue/pending/")
    assert read_segment(stage.read(segment), IMAGES) == SegmentContent(list(KEYS), "")


def test_a_failed_batch_gives_its_keys_back_unchanged(stage: Stage):
    # Given a batch of hostile keys that has failed for good
    ingest(stage, event(KEYS))
    stage.set(MAX_ATTEMPTS="1")
    stage.invoke("advance", "advance-clock")
    stage.runs_are("FAILED")
    stage.invoke("advance", "advance-clock")
    assert stage.dirty() == []
    # When it is put back
    lake = Lake(stage.s3, "lake")
    failed = FailedBatches(lake, SegmentWriter(lake, lambda step: None))
    (batch,) = failed.ids()
    failed.retry(batch)
    # Then every key is pending as it was
    assert stage.dirty() == list(KEYS)


def test_the_plan_of_a_run_has_each_key_once_and_whole():
    planned = plan(list(KEYS), KNOWN_ROWS.empty_table(), "fruitnet@0123456789ab")
    assert sorted(dirty.key for dirty in planned) == sorted(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_a_label_is_the_text_between_two_slashes_and_nothing_else(key: str):
    label = label_of(key)
    assert label is None or ("/" not in label and f"{label}/" in key)


def test_the_client_sends_a_key_as_it_is(stage: Stage):
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="images", CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
    for key in KEYS:
        s3.put_object(Bucket="images", Key=key, Body=key.encode())
    listed = [one["Key"] for one in s3.list_objects_v2(Bucket="images")["Contents"]]
    assert sorted(listed) == sorted(KEYS)
