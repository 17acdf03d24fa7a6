"""Every document that outlives a process carries the version of its format; an unknown one is refused by its name."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pomona.backbone import load_backbone
from pomona.errors import MisconfiguredError
from pomona.featurize import batch
from pomona.featurize.segment_reader import SegmentContent, read_segment
from pomona.projection import load_model
from pomona.refit import results
from pomona_cli.runs.history import RunHistory
from pomona_contract.documents.bill import Bill
from pomona_contract.documents.bundle import BundleDescription
from pomona_contract.documents.claim import Claim, ClaimedSegment
from pomona_contract.documents.erasure import Erasure
from pomona_contract.documents.failed_batch import FailedBatch
from pomona_contract.documents.failure_pause import FailurePause
from pomona_contract.documents.latest_results import LatestResults
from pomona_contract.errors import FormatError
from pomona_contract.segment_lines import DirtyKey, encode_lines
from pomona_provisioning.bundles import Bundle, BundleError

KEY = DirtyKey("images", "apples/1.jpg", "2026-11-21T08:00:00.000Z")
CLAIM = Claim("batch", 1, "2026-11-21T08:00:00.000Z", (ClaimedSegment("s", 1),), "application", {"name": "n"})
FAILED = FailedBatch("batch", 3, "because", "2026-11-21T08:00:00.000Z", 1, 1)
ERASURE = Erasure("id", "2026-11-21T08:00:00.000Z", "images", "apples/", [], "open", None)
HOURS = {"vcpu_hours": 0.1, "memory_gb_hours": 0.4, "storage_gb_hours": 0.0}
BILL = Bill(batch_id="batch", attempt=1, run_id="00run", state="SUCCESS", seconds=90, **HOURS)
BUNDLE = BundleDescription("ab" * 32, {"job.tar.gz": "cd" * 32}, ("fruitnet",))
UNKNOWN = 99


def with_version(body: bytes, field: str = "format") -> bytes:
    """The document as a later release might write it."""
    document = json.loads(body)
    assert document[field] in (1, 2)  # the version is there, from the first day
    return json.dumps({**document, field: UNKNOWN}).encode()


LATER: dict[str, tuple[type[Exception], Callable[[], object]]] = {
    "active.json": (FormatError, lambda: Claim.from_json(with_version(CLAIM.to_json()))),
    "failed": (FormatError, lambda: FailedBatch.from_json("failed", with_version(FAILED.to_json()))),
    "erasure": (FormatError, lambda: Erasure.from_json("erasure", with_version(ERASURE.to_json()))),
    "bill": (FormatError, lambda: Bill.from_json("bill", with_version(BILL.to_json()))),
    "bundle": (FormatError, lambda: BundleDescription.from_json("bundle", with_version(BUNDLE.to_json()))),
    "line.json": (FormatError, lambda: FailurePause.from_json(with_version(FailurePause().to_json()))),
}


@pytest.mark.parametrize("document", LATER)
def test_a_document_of_a_later_release_is_refused_by_its_name(document: str) -> None:
    error, read = LATER[document]
    with pytest.raises(error, match=rf"{document}.*{UNKNOWN}.*this release reads only"):
        read()


@pytest.mark.parametrize("name", ["active", "failed", "erasure"])
def test_a_document_without_a_version_is_refused_too(name: str) -> None:
    readers = {
        "active": lambda: Claim.from_json(b'{"batch_id": "b"}'),
        "failed": lambda: FailedBatch.from_json("f", b'{"batch_id": "b"}'),
        "erasure": lambda: Erasure.from_json("e", b'{"id": "e"}'),
    }
    with pytest.raises(FormatError, match="has format None"):
        readers[name]()


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"format": 1}', b"\xff"])
@pytest.mark.parametrize(
    "read",
    [
        LatestResults.from_json,
        lambda body: Erasure.from_json("erasure", body),
        lambda body: FailedBatch.from_json("failed", body),
        Claim.from_json,
        FailurePause.from_json,
    ],
)
def test_a_damaged_document_is_told_in_a_sentence(read: Callable[[bytes], object], body: bytes) -> None:
    with pytest.raises(FormatError, match=r"^\S+ (cannot be read: .*|has format None, .*)\.$"):
        read(body)


def test_results_of_a_later_release_are_refused_by_the_refit_function() -> None:
    with pytest.raises(FormatError, match=r"results/latest\.json has format 99"):
        LatestResults.from_json(b'{"format": 99, "snapshot_id": 1}')


@pytest.mark.parametrize("ending", ["json", "billed.json"])
def test_records_and_bills_of_a_later_release_are_refused_by_the_command_line(ending: str) -> None:
    # Given a lake with one document, and an application that has forgotten the run
    key = f"runs/20261121T080000000Z-b-1.{ending}"
    found = SimpleNamespace(body=b'{"format": 99}', etag="e")
    lake = SimpleNamespace(read=lambda _name: found, names=lambda _prefix: [key])
    pages = SimpleNamespace(paginate=lambda **_: [{"jobRuns": []}])
    emr = SimpleNamespace(get_paginator=lambda _: pages)
    stack = SimpleNamespace(lake=lake, client=lambda _service: emr, application_id="00app")
    with pytest.raises(FormatError, match=re.escape(f"{key} has format 99")):
        RunHistory(stack).latest(1)


def test_a_bundle_of_another_release_is_refused_by_publish(tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_text('{"format": 99}')
    with pytest.raises(BundleError, match=r"bundle\.json has format 99, .* Run sam build again\."):
        Bundle.open(tmp_path)


def test_a_backbone_of_another_release_is_refused_by_the_jobs(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text('{"format": 99}')
    (tmp_path / "b.tflite").write_bytes(b"")
    with pytest.raises(FormatError, match=r"b\.json has format 99, but this release reads only format 1"):
        load_backbone("b", tmp_path)


def test_what_is_in_flight_is_refused_by_a_job_of_another_release(monkeypatch: pytest.MonkeyPatch) -> None:
    for body, said in ((b'{"format": 99}', "has format 99"), (b"", "cannot be read"), (b"[]", "cannot be read")):
        monkeypatch.setattr(batch, "read_bytes", lambda *_, body=body: body)
        with pytest.raises(MisconfiguredError, match=rf"queue/active\.json {said}"):
            batch.require_in_flight("lake", "b", 1)
    content = read_segment(with_version(encode_lines([KEY]), "v"), "images")
    assert content == SegmentContent(
        [], "1 of 1 lines cannot be used: line 1 has v 99, but this release reads only v 1"
    )


def test_latest_results_of_another_release_are_never_written_over(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"Body": io.BytesIO(b'{"format": 99}'), "ETag": "e"}
    monkeypatch.setattr(results, "s3_client", lambda: SimpleNamespace(get_object=lambda **_: answer))
    with pytest.raises(FormatError, match=r"results/latest\.json has format 99"):
        results.move_latest("lake", {"sequence_number": 1})


def test_a_model_of_another_release_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "model.npz", format=99)
    with pytest.raises(ValueError, match="written by another version"):
        load_model(tmp_path / "model.npz")
