"""The featurize job on real Spark, Iceberg and Glue's catalog: the table agrees with the bucket after every run."""

import io
import itertools
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pyspark.sql import SparkSession

from pomona.backbone import load_backbone
from pomona.errors import MisconfiguredError, PublishRefusedError, SupersededError
from pomona.featurize import progress
from pomona.featurize.arguments import FeaturizeArguments
from pomona.featurize.run import featurize
from pomona.imaging.decoding import decode, resize
from pomona.imaging.limits import Limits
from pomona.inference import InferenceEngine
from pomona.s3.objects import read_bytes
from pomona.table.branch import Branch
from pomona_contract.documents.claim import Claim, ClaimedSegment
from pomona_contract.documents.run_progress import RunProgress
from pomona_contract.lake_layout import CLAIM, RUN_PROGRESS
from pomona_intake.queue.failed_batches import FailedBatches
from pomona_intake.s3.lake import Lake
from tests.lake_documents import read_json

ODD_KEYS = ["odd/a//b.jpg", "/odd.jpg", "odd/", "odd/../x.jpg", "odd/\x07.jpg", "odd/red flower+100%é雪.jpg"]
LIMITS = Limits(max_image_pixels=10_000_000, max_decoded_bytes=100_000_000, max_jpeg_scans=100)
batches = itertools.count(1)


def jpeg(seed: int, size: tuple[int, int] = (100, 100)) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    body = io.BytesIO()
    Image.fromarray(noise).resize(size).save(body, "JPEG", quality=90)
    return body.getvalue()


@dataclass
class Orchard:
    """A lake, a bucket of images and a table, with what a launch does: write a segment, claim it, start the run."""

    s3: Any
    spark: SparkSession
    run: FeaturizeArguments

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.run.images_bucket, Key=key, Body=body)

    def delete(self, key: str) -> None:
        self.s3.delete_object(Bucket=self.run.images_bucket, Key=key)

    def claim(self, keys: list[str], attempt: int = 1) -> FeaturizeArguments:
        batch_id = f"20261121T070000000Z-{next(batches):08x}"
        segment = f"queue/pending/20261121T070000000Z-{len(keys):06d}-{batch_id}-0.jsonl"
        lines = [
            json.dumps({"v": 1, "bucket": self.run.images_bucket, "key": key, "seen_at": "2026-11-21T07:00:00Z"})
            for key in keys
        ]
        self.s3.put_object(Bucket=self.run.lake_bucket, Key=segment, Body="\n".join(lines).encode())
        self.make_active(batch_id, attempt, [segment, "queue/pending/settled-meanwhile.jsonl"])
        return replace(self.run, batch_id=batch_id, attempt=attempt)

    def make_active(self, batch_id: str, attempt: int, segments: list[str], form: int = 1) -> None:
        claimed = tuple(ClaimedSegment(name, 1) for name in segments)
        parameters = {"name": f"featurize-{batch_id}-{attempt}"}
        claim = Claim(batch_id, attempt, "2026-11-21T07:01:00.000Z", claimed, "00app", parameters)
        active = json.loads(claim.to_json()) | {"format": form}
        self.s3.put_object(Bucket=self.run.lake_bucket, Key=CLAIM, Body=json.dumps(active).encode())

    def featurize(self, keys: list[str], **settings: Any) -> dict[str, Any]:
        return featurize(replace(self.claim(keys), **settings), self.spark)

    @property
    def table(self) -> str:
        return f"lake.{self.run.database}.{self.run.table}"

    def rows(self) -> dict[str, dict[str, Any]]:
        rows = self.spark.table(self.table).toArrow().to_pylist()
        by_key = {row["key"]: row for row in rows}
        assert len(by_key) == len(rows)
        return by_key

    def branches(self) -> list[str]:
        return [row.name for row in self.spark.sql(f"SELECT name FROM {self.table}.refs").collect()]

    def snapshots(self) -> list[dict[str, str]]:
        rows = self.spark.sql(f"SELECT summary FROM {self.table}.snapshots ORDER BY committed_at").collect()
        return [row.summary for row in rows]


@pytest.fixture
def orchard(s3, spark, lake, images, database, backbones) -> Orchard:
    run = FeaturizeArguments(
        lake_bucket=lake,
        images_bucket=images,
        database=database,
        table="features",
        backbone="fruitnet",
        batch_id="",
        attempt=1,
        max_image_bytes=100_000,
        limits=LIMITS,
        timeout_minutes=60,
        backbones=backbones,
    )
    return Orchard(s3, spark, run)


def images_of(record: dict[str, Any]) -> dict[str, int]:
    return {outcome: count for outcome, count in record["images"].items() if count}


def test_every_kind_of_key_becomes_the_row_that_it_should(orchard, backbones):
    # Given usual images, odd keys, a text, an empty and a too large object, a key that never was, and duplicates
    pictures = {f"Apple/{number}.jpg": jpeg(number) for number in range(5)} | {"top.jpg": jpeg(9, (300, 200))}
    pictures |= {key: jpeg(index) for index, key in enumerate(ODD_KEYS)}
    broken = {"Apple/notes.jpg": b"just a text", "empty.jpg": b"", "huge.jpg": bytes(100_001)}
    for key, body in (pictures | broken).items():
        orchard.put(key, body)
    keys = [*pictures, *broken, "never-was.jpg"]
    # When they are featurized
    record = orchard.featurize(keys + keys[:3])
    # Then each image has its features, each broken object its reason, and nothing else is there
    assert images_of(record) == {"done": 12, "errors": 3, "absent": 1}
    assert (record["keys"], record["segments_missing"]) == (16, 1)
    # And none of them was decoded in a child process: no worker has died
    assert record["careful"] == 0
    # And the keys that obstore cannot read are counted: all odd ones but the last
    assert record["fallbacks"] == {"keys": len(ODD_KEYS) - 1, "errors": 0}
    rows = orchard.rows()
    assert {key: row["error"] for key, row in rows.items() if row["error"]} == {
        "Apple/notes.jpg": "not an image: it begins with text",
        "empty.jpg": "empty object",
        "huge.jpg": "too large: 100,001 bytes is above the limit of 100,000",
    }
    assert all(rows[key]["features"] is None for key in broken)
    assert rows.keys() == pictures.keys() | broken.keys()
    backbone = load_backbone("fruitnet", backbones)
    for key, body in pictures.items():
        decoded = decode(body, backbone.height, backbone.width, Limits(10**9, 10**9, 100))
        wanted = InferenceEngine(backbone).run(resize(decoded.image, backbone.height, backbone.width))
        assert np.array_equal(np.array(rows[key]["features"], np.float32), wanted), key
    top, apple = rows["top.jpg"], rows["Apple/0.jpg"]
    assert (top["label"], top["width"], top["height"], apple["label"]) == (None, 300, 200, "Apple")
    assert (apple["bucket"], apple["size"]) == (orchard.run.images_bucket, len(pictures["Apple/0.jpg"]))
    head = orchard.s3.head_object(Bucket=orchard.run.images_bucket, Key="Apple/0.jpg")
    assert (f'"{apple["etag"]}"', apple["last_modified"]) == (head["ETag"], head["LastModified"])
    assert (apple["backbone"], apple["batch_id"]) == (backbone.label, record["batch_id"])
    # And the snapshot and the record tell of it, and no branch is left
    assert orchard.snapshots()[-1]["pomona.batch-id"] == record["batch_id"]
    assert orchard.snapshots()[-1]["pomona.attempt"] == "1"
    assert read_json(orchard.run.lake_bucket, f"runs/{record['batch_id']}-1.json") == record
    parts = {"plan", "get", "decode", "resize", "inference", "write", "commit", "maintenance", "total"}
    assert record["seconds"].keys() == parts
    assert orchard.branches() == ["main"]


def test_a_second_run_touches_only_what_has_changed(orchard):
    # Given a featurized bucket in which one image then changes, two go, one comes and one breaks
    before = {f"a/{number}.jpg": jpeg(number) for number in range(8)} | {"odd//1.jpg": jpeg(20), "text.jpg": b"a text"}
    for key, body in before.items():
        orchard.put(key, body)
    first = orchard.featurize(list(before))
    changed = {"a/0.jpg": jpeg(100), "new.jpg": jpeg(101), "a/1.jpg": b"broken now"}
    for key, body in changed.items():
        orchard.put(key, body)
    orchard.delete("a/2.jpg")
    orchard.delete("odd//1.jpg")
    # When all keys are dirty
    second = orchard.featurize([*before, *changed])
    # Then only what has changed was written, and downloaded, each once, beside what was an error before
    assert images_of(second) == {"done": 2, "unchanged": 6, "deleted": 2, "errors": 1}
    assert second["bytes"] == sum(len(body) for body in (*changed.values(), b"a text"))
    rows = orchard.rows()
    assert rows.keys() == before.keys() - {"a/2.jpg", "odd//1.jpg"} | {"new.jpg"}
    assert {key for key, row in rows.items() if row["batch_id"] == second["batch_id"]} == changed.keys()
    assert rows["a/3.jpg"]["batch_id"] == first["batch_id"]
    assert rows["a/1.jpg"]["features"] is None
    assert orchard.snapshots()[-1]["added-records"] == "3"
    assert orchard.snapshots()[-1]["added-position-deletes"] == "4"
    # And a third run finds nothing to do, and still publishes a snapshot; it reads only what was an error
    third = orchard.featurize([*before, *changed])
    assert images_of(third) == {"unchanged": 9, "absent": 2}
    assert third["bytes"] == len(b"a text") + len(b"broken now")
    assert third["snapshot_id"] not in (first["snapshot_id"], second["snapshot_id"])
    assert orchard.rows() == rows


def test_a_long_run_says_how_far_it_is(orchard, monkeypatch):
    # Given a run that waits for nothing between two documents
    monkeypatch.setattr(progress, "SECONDS_BETWEEN", 0.001)
    keys = [f"apple/{number}.jpg" for number in range(300)]
    for number, key in enumerate(keys):
        orchard.put(key, jpeg(number))
    record = orchard.featurize(keys)
    # Then the last one counts the keys of tasks that have ended, and the workers: the driver alone, on this machine
    written = RunProgress.from_json(read_bytes(orchard.run.lake_bucket, RUN_PROGRESS))
    assert (written.batch_id, written.attempt, written.keys, written.workers) == (record["batch_id"], 1, 300, 1)
    assert 0 < written.done <= 300


def test_an_empty_batch_publishes_a_snapshot(orchard):
    record = orchard.featurize([])
    assert images_of(record) == {}
    assert orchard.snapshots()[-1]["pomona.batch-id"] == record["batch_id"]
    assert orchard.rows() == {}


def test_another_backbone_makes_every_row_new(orchard, tmp_path):
    # Given rows of one backbone
    orchard.put("a.jpg", jpeg(1))
    orchard.featurize(["a.jpg"])
    # When the batch is featurized with another one
    folder = orchard.run.backbones
    shutil.copy(folder / "fruitnet.tflite", tmp_path)
    other = json.loads((folder / "fruitnet.json").read_text()) | {"name": "other"}
    (tmp_path / "other.json").write_text(json.dumps(other))
    record = orchard.featurize(["a.jpg"], backbone="other", backbones=tmp_path)
    # Then the unchanged image is featurized again
    assert images_of(record) == {"done": 1}
    assert orchard.rows()["a.jpg"]["backbone"] == record["backbone"] == f"other@{other['digest'][:12]}"


def test_an_error_heals_when_its_key_is_dirty_after_a_limit_was_raised(orchard):
    # Given images that the limits do not let in, one in pixels and one in bytes, beside one that they do
    large, heavy, small = jpeg(1, (40, 40)), jpeg(2), jpeg(3, (20, 20))
    heavy += bytes(4000)
    for key, body in {"large.jpg": large, "heavy.jpg": heavy, "small.jpg": small, "text.jpg": b"a text"}.items():
        orchard.put(key, body)
    keys = ["large.jpg", "heavy.jpg", "small.jpg", "text.jpg"]
    strict = orchard.featurize(keys, limits=replace(LIMITS, max_image_pixels=1000), max_image_bytes=4000)
    assert images_of(strict) == {"done": 1, "errors": 3}
    before = orchard.rows()
    # When nothing has changed, then the same answers are no new errors, and no row is touched
    again = orchard.featurize(keys, limits=replace(LIMITS, max_image_pixels=1000), max_image_bytes=4000)
    assert images_of(again) == {"unchanged": 4}
    assert orchard.rows() == before
    # When the limits are raised and a backfill marks all keys
    record = orchard.featurize(keys)
    # Then those two have their features, and nothing else was computed
    assert images_of(record) == {"done": 2, "unchanged": 2}
    rows = orchard.rows()
    assert {key for key, row in rows.items() if row["error"]} == {"text.jpg"}
    assert all(rows[key]["features"] for key in ("large.jpg", "heavy.jpg", "small.jpg"))
    # And when the reason is another one now, the row says the present one
    assert images_of(orchard.featurize(["text.jpg"], max_image_bytes=3)) == {"errors": 1}
    assert orchard.rows()["text.jpg"]["error"] == "too large: 6 bytes is above the limit of 3"


def test_an_error_heals_when_the_same_bytes_are_uploaded_to_a_release_that_reads_them(orchard):
    # Given the row of an earlier release, which could not read an image
    orchard.put("phone.heic", jpeg(1))
    orchard.featurize(["phone.heic"])
    orchard.spark.sql(f"UPDATE {orchard.table} SET features = NULL, error = 'HEIC is not supported'")
    # When the same bytes are uploaded again
    orchard.put("phone.heic", jpeg(1))
    # Then the row has its features
    assert images_of(orchard.featurize(["phone.heic"])) == {"done": 1}
    row = orchard.rows()["phone.heic"]
    assert (row["error"], bool(row["features"])) == (None, True)


def test_names_that_are_no_images_have_no_rows_and_lose_those_that_they_had(orchard):
    # Given rows of a release that took every key for an image: companions of desktops, and a folder's placeholder
    companions = {"a/.DS_Store": b"\0\0\0\1Bud1", "a/._1.jpg": bytes.fromhex("0005160700020000"), "a/": b""}
    for key, body in (companions | {"a/1.jpg": jpeg(1), "real/": jpeg(2)}).items():
        orchard.put(key, body)
    keys = [*companions, "a/1.jpg", "real/"]
    assert images_of(orchard.featurize(["a/.DS_Store", "a/._1.jpg"])) == {"errors": 2}
    row = "SELECT 'a/', bucket, label, etag, size, last_modified, width, height, backbone, features, 'empty object'"
    orchard.spark.sql(f"INSERT INTO {orchard.table} {row}, featurized_at, batch_id FROM {orchard.table} LIMIT 1")
    # When a backfill marks them, in a release that ignores them
    record = orchard.featurize(keys, ignored_names=(".DS_Store", "._*"))
    # Then they are gone, and are no errors; a key that only looks like a folder's is an image, if it is one
    assert images_of(record) == {"done": 2, "deleted": 3}
    assert orchard.rows().keys() == {"a/1.jpg", "real/"}
    assert images_of(orchard.featurize(keys, ignored_names=(".DS_Store", "._*"))) == {"unchanged": 2, "absent": 3}


def test_labels_that_differ_by_unicode_normalisation_are_one(orchard):
    # Given the same folder as macOS and as others write it
    decomposed, composed = "Pe\u0302che/1.jpg", "P\u00eache/2.jpg"
    for key in (decomposed, composed):
        orchard.put(key, jpeg(len(key)))
    assert images_of(orchard.featurize([decomposed, composed])) == {"done": 2}
    # Then the keys are as they were, and the label is one
    rows = orchard.rows()
    assert {key: row["label"] for key, row in rows.items()} == dict.fromkeys((decomposed, composed), "P\u00eache")
    # And the row of an earlier release gets the label when its key is dirty
    orchard.spark.sql(f"UPDATE {orchard.table} SET label = 'Pe\u0302che' WHERE key = '{decomposed}'")
    assert images_of(orchard.featurize([decomposed, composed])) == {"done": 1, "unchanged": 1}
    assert {row["label"] for row in orchard.rows().values()} == {"P\u00eache"}


def test_a_segment_with_unusable_lines_is_set_aside_alone_and_the_batch_goes_on(orchard):
    # Given a batch of a good segment, one of garbage, and one with a good line and one of another bucket
    for key in ("a.jpg", "b.jpg"):
        orchard.put(key, jpeg(1))
    run = orchard.claim(["a.jpg"])
    lake = run.lake_bucket
    good = json.dumps({"v": 1, "bucket": run.images_bucket, "key": "b.jpg", "seen_at": "t"})
    foreign = json.dumps({"v": 1, "bucket": "elsewhere", "key": "theirs.jpg", "seen_at": "t"})
    bodies = {"garbage": b"\xff\x00 no JSON", "mixed": f"{good}\n{foreign}\n".encode()}
    for name, body in bodies.items():
        orchard.s3.put_object(Bucket=lake, Key=f"queue/pending/{name}.jsonl", Body=body)
    segments = [one["name"] for one in read_json(lake, "queue/active.json")["segments"]]
    orchard.make_active(run.batch_id, 1, [*segments, *(f"queue/pending/{name}.jsonl" for name in bodies)], form=2)
    # When it is featurized
    record = featurize(run, orchard.spark)
    # Then every usable key has its row, and the run succeeds
    assert set(orchard.rows()) == {"a.jpg", "b.jpg"}
    assert images_of(record) == {"done": 2}
    assert {one["batch_id"] for one in record["set_aside"]} == set(bodies)
    # and what could not be used lies in a failed batch of its own, whole, with key and bucket in the reason
    for name, body in bodies.items():
        kept = orchard.s3.get_object(Bucket=lake, Key=f"queue/failed/{name}/{name}.jsonl")["Body"].read()
        assert kept == body
    failed = FailedBatches(Lake(orchard.s3, lake), None)
    assert failed.read("garbage").reason.startswith("1 of 1 lines cannot be used: line 1 is not JSON")
    assert failed.read("mixed").reason == (
        "1 of 2 lines cannot be used: line 2 names the key 'theirs.jpg' of the bucket 'elsewhere'"
    )


def test_an_archived_image_keeps_its_features_until_it_changes(orchard):
    # Given featurized images of which one is archived as it is, and one changed and archived
    def archive(key: str, body: bytes) -> None:
        orchard.s3.put_object(Bucket=orchard.run.images_bucket, Key=key, Body=body, StorageClass="DEEP_ARCHIVE")

    for key in ("same.jpg", "changed.jpg"):
        orchard.put(key, jpeg(len(key)))
    orchard.featurize(["same.jpg", "changed.jpg"])
    before = orchard.rows()
    archive("same.jpg", jpeg(len("same.jpg")))
    archive("changed.jpg", jpeg(99))
    archive("new.jpg", jpeg(98))
    # When a backfill marks all keys
    keys = ["same.jpg", "changed.jpg", "new.jpg"]
    record = orchard.featurize(keys)
    # Then the unchanged one keeps its row, and the others say that they are archived
    assert images_of(record) == {"unchanged": 1, "errors": 2}
    rows = orchard.rows()
    assert rows["same.jpg"] == before["same.jpg"]
    for key in ("changed.jpg", "new.jpg"):
        assert rows[key]["error"].startswith("archived: its storage class is DEEP_ARCHIVE; restore it, then mark it")
        assert (rows[key]["features"], rows[key]["etag"]) == (None, None)
    # And when they are restored, another backfill reads them
    for key in ("changed.jpg", "new.jpg"):
        orchard.s3.restore_object(Bucket=orchard.run.images_bucket, Key=key, RestoreRequest={"Days": 1})
    assert images_of(orchard.featurize(keys)) == {"done": 2, "unchanged": 1}
    assert all(row["features"] and not row["error"] for row in orchard.rows().values())


def test_a_missing_bucket_deletes_nothing(orchard):
    # Given a row
    orchard.put("a.jpg", jpeg(1))
    orchard.featurize(["a.jpg"])
    # When the whole bucket is gone
    orchard.delete("a.jpg")
    orchard.s3.delete_bucket(Bucket=orchard.run.images_bucket)
    # Then the run ends and the row stays
    with pytest.raises(MisconfiguredError, match="cannot be listed: S3 says NoSuchBucket"):
        orchard.featurize(["a.jpg"])
    assert list(orchard.rows()) == ["a.jpg"]


def meanwhile(monkeypatch: pytest.MonkeyPatch, what: Callable[[], None]) -> None:
    """Do `what` once, between a run's look at its images and its publishing."""
    pending = [what]

    def then(write: Callable[..., None]) -> Callable[..., None]:
        def write_then(*arguments: Any) -> None:
            write(*arguments)
            if pending:
                pending.pop()()

        return write_then

    monkeypatch.setattr(Branch, "commit", then(Branch.commit))


def test_a_zombie_that_was_superseded_publishes_nothing(orchard, monkeypatch):
    orchard.put("a.jpg", jpeg(1))
    zombie = orchard.claim(["a.jpg"])
    meanwhile(monkeypatch, lambda: orchard.make_active(zombie.batch_id, 2, []))
    with pytest.raises(SupersededError, match=f"attempt 1 is not in flight: batch {zombie.batch_id} attempt 2 is"):
        featurize(zombie, orchard.spark)
    assert orchard.rows() == {}
    assert orchard.branches() == ["main"] or orchard.branches() == []


def test_a_zombie_that_saw_a_deleted_image_cannot_publish_it(orchard, monkeypatch):
    # Given a run that has seen an image, which is then deleted, and a newer attempt that has published since
    orchard.put("a.jpg", jpeg(1))
    zombie = orchard.claim(["a.jpg"])

    def supersede() -> None:
        orchard.delete("a.jpg")
        orchard.make_active(zombie.batch_id, 2, [])
        featurize(replace(zombie, attempt=2), orchard.spark)
        orchard.make_active(zombie.batch_id, 1, [])  # the zombie's own check just came too early

    meanwhile(monkeypatch, supersede)
    # When the zombie goes on, then the table refuses it though the newer attempt changed no row
    with pytest.raises(PublishRefusedError, match="the table changed while"):
        featurize(zombie, orchard.spark)
    assert orchard.rows() == {}
    assert orchard.branches() == ["main"]


def test_a_branch_that_a_dead_driver_left_is_taken_over(orchard):
    orchard.put("a.jpg", jpeg(1))
    orchard.featurize(["a.jpg"])
    run = orchard.claim(["a.jpg"])
    orchard.spark.sql(f"ALTER TABLE {orchard.table} CREATE BRANCH run_{run.batch_id.replace('-', '_')}_1")
    orchard.delete("a.jpg")
    orchard.spark.sql(f"INSERT INTO {orchard.table}.branch_run_{run.batch_id.replace('-', '_')}_1 (key) VALUES ('x')")
    featurize(run, orchard.spark)
    assert orchard.rows() == {}
    assert orchard.branches() == ["main"]


@pytest.mark.parametrize(
    ("active", "error", "said"),
    [
        (("other", 1, 1), SupersededError, "is not in flight: batch other attempt 1 is"),
        (("mine", 2, 1), SupersededError, "attempt 1 is not in flight: batch mine attempt 2 is"),
        (("mine", 1, 7), MisconfiguredError, "queue/active.json has format 7, but this release reads only"),
        (None, SupersededError, "batch mine attempt 1 is not in flight: no batch is"),
    ],
)
def test_a_run_that_is_not_in_flight_looks_at_nothing(orchard, active, error, said):
    orchard.s3.delete_object(Bucket=orchard.run.lake_bucket, Key="queue/active.json")
    if active:
        batch_id, attempt, form = active
        orchard.make_active(batch_id, attempt, [], form)
    with pytest.raises(error, match=said):
        featurize(replace(orchard.run, batch_id="mine"), orchard.spark)


@pytest.fixture
def submit(orchard, spark, tmp_path) -> Callable[[FeaturizeArguments], subprocess.CompletedProcess[str]]:
    """Runs the entry point as EMR does: by itself, with what the archive brings on the path."""
    root = Path(__file__).resolve().parents[2]
    job = tmp_path / "a job"
    for package in (root / "emr_job" / "pomona", root / "contract" / "pomona_contract"):
        shutil.copytree(package, job / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(orchard.run.backbones, job / "backbones")
    (tmp_path / "entry").mkdir()
    entry_point = shutil.copy(root / "emr_job" / "featurize_job.py", tmp_path / "entry")

    def submit(run: FeaturizeArguments) -> subprocess.CompletedProcess[str]:
        names = ["lake_bucket", "images_bucket", "database", "table", "backbone", "batch_id", "attempt"]
        settings = {
            name: getattr(run, name) for name in (*names, "max_image_bytes", "timeout_minutes", "processes")
        } | vars(run.limits)
        settings["decode_megabytes"] = settings.pop("decode_memory_bytes") // 2**20
        pairs = ((f"--{name.replace('_', '-')}", str(value)) for name, value in settings.items())
        arguments = [word for pair in pairs for word in pair]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", str(job))
            command = [root / ".venv/spark/bin/spark-submit", entry_point, *arguments]
            streams = {
                "stdout": subprocess.PIPE,
                "stderr": subprocess.STDOUT,
            }  # spark-submit joins a driver's two streams
            return subprocess.run(command, **streams, text=True, check=False, cwd=tmp_path, timeout=300)

    return submit


def test_the_entry_point_runs_under_spark_submit(orchard, submit):
    orchard.put("a b/ü.jpg", jpeg(1))
    run = orchard.claim(["a b/ü.jpg", "gone.jpg"])
    finished = submit(run)
    assert finished.returncode == 0, finished.stdout
    assert list(orchard.rows()) == ["a b/ü.jpg"]
    logged = [json.loads(line[line.index("{") :]) for line in finished.stdout.splitlines() if '"event"' in line]
    assert [line["event"] for line in logged] == ["planned", "featurized"]
    assert {line["batch_id"] for line in logged} == {run.batch_id}
    # And the time that Spark took to start is among the others
    assert next(iter(logged[1]["seconds"])) == "session"


def test_the_entry_point_ends_with_a_sentence_and_a_status(orchard, submit):
    finished = submit(replace(orchard.claim([]), batch_id="another"))
    assert finished.returncode != 0
    said = [line for line in finished.stdout.splitlines() if line.startswith("featurize: ")]
    assert len(said) == 1
    assert "batch another attempt 1 is not in flight" in said[0]
    assert "Traceback" not in finished.stdout
