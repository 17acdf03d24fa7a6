"""How a batch is cut into tasks, what a task hands back, and what is refused before anything is looked at."""

from unittest.mock import Mock

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import featurize
from pomona import featurizing
from pomona.errors import MisconfiguredError, first_line
from pomona.featurizing import Featurizer, Work
from pomona.fetching import DirtyKey, Fallback, Fetched, Status
from pomona.limits import Limits
from pomona.plan import MOST_KEYS_A_TASK, partitions, plan
from pomona.rows import CHANGES, RowBatch, label_of
from pomona.session import check_archive
from pomona.table import branch_name, branch_of, order_of
from pomona.tally import Tally


@pytest.mark.parametrize(("keys", "slots", "tasks"), [(0, 2, 1), (10, 2, 1), (10, 32, 1), (1000, 2, 4), (1000, 32, 10)])
def test_small_runs_stay_small(keys, slots, tasks):
    assert partitions(keys, slots) == tasks


@given(keys=st.integers(0, 10**6), slots=st.integers(1, 64))
def test_no_task_is_large_and_none_is_empty(keys, slots):
    tasks = partitions(keys, slots)
    assert keys / tasks <= MOST_KEYS_A_TASK
    assert 1 <= tasks <= max(keys, 1)


def test_a_plan_tells_each_key_what_the_table_knows():
    known = pa.table({"key": ["a", "b"], "etag": ["1", "2"], "backbone": ["net@new", "net@old"]})
    planned = {one.key: (one.etag, one.row_etag, one.known) for one in plan(["a", "b", "c"], known, "net@new")}
    assert planned == {"a": ("1", "1", True), "b": (None, "2", True), "c": (None, None, False)}


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("x.jpg", None),
        ("Apple/x.jpg", "Apple"),
        ("a/b c/x.jpg", "b c"),
        ("/x.jpg", None),
        ("a//x.jpg", None),
        ("a/", "a"),
    ],
)
def test_the_label_is_the_parent_folder(key, label):
    assert label_of(key) == label


def test_a_branch_is_named_in_letters_that_need_no_quotes():
    assert branch_name("20261121T070000000Z-0a1b", 3) == "run_20261121T070000000Z_0a1b_3"


def test_a_file_tells_the_attempt_that_wrote_it_and_attempts_sort_by_time():
    branches = [branch_name("20261121T070000000Z-ff", attempt) for attempt in (9, 10)]
    branches.append(branch_name("20261121T080000000Z-00", 1))
    files = [f"s3://lake/warehouse/p.db/features/data/{branch}-{'0a' * 16}/1.parquet" for branch in branches]
    assert [branch_of(file) for file in files] == branches
    assert sorted(branches, key=order_of) == branches
    assert branch_of("s3://lake/warehouse/p.db/features/data/00000-4-run_1.parquet") is None


def test_rows_keep_their_features_between_errors_and_deletions():
    batch = RowBatch({"bucket": "images"}, width=3, size=4)
    full = [
        *batch.add({"key": "a"}, np.array([1, 2, 3], np.float32)),
        *batch.add({"key": "b", "error": "empty object"}),
        *batch.add({"key": "c", "gone": True}),
        *batch.add({"key": "d"}, np.array([4, 5, 6], np.float32)),
        *batch.add({"key": "e"}, np.array([7, 8, 9], np.float32)),
        *batch.flush(),
    ]
    assert [one.num_rows for one in full] == [4, 1]
    rows = pa.Table.from_batches(full, CHANGES).to_pylist()
    assert [row["features"] for row in rows] == [[1, 2, 3], None, None, [4, 5, 6], [7, 8, 9]]
    assert [row["gone"] for row in rows] == [False, False, True, False, False]
    assert list(batch.flush()) == []


def test_tallies_add_up_and_keep_the_first_reason():
    left, right = Tally(reason=""), Tally(reason="S3 says SlowDown")
    left.counts["done"] += 2
    right.counts["unread"] += 1
    right.seconds["get"] += 0.5
    both = left.add(right)
    assert (both.images()["done"], both.images()["unread"], both.seconds["get"]) == (2, 1, 0.5)
    assert both.reason == "S3 says SlowDown"


@pytest.fixture
def task(monkeypatch):
    """A task over a network and an S3 of our own: gives its rows and its tally for what S3 answers."""

    def run(answers: dict[str, Fetched], features: list[float]):
        backbone = Mock(label="net@1", output_width=len(features), height=8, width=8)
        backbone.name = "net"
        engine = Mock(backbone=backbone, run=lambda _: np.array(features, np.float32))
        monkeypatch.setattr(featurizing, "engine_of", lambda *_: engine)
        monkeypatch.setattr(featurizing, "ImageFetcher", lambda *_: Mock(fetch=lambda dirty: answers[dirty.key](dirty)))
        tallies = Mock()
        featurizer = Featurizer(Work("b", "net", None, 1, Limits(10**6, 10**8, 100), "x"), tallies)
        dirty = [DirtyKey(key, etag=None, known=True) for key in answers]
        rows = pa.Table.from_batches([changes for _, changes in featurizer(0, dirty)], CHANGES)
        return rows.to_pylist(), tallies.add.call_args.args[0]

    return run


def test_what_could_not_be_read_changes_no_row(task):
    rows, tally = task({"a": lambda dirty: Fetched(dirty, Status.UNREAD, "S3 says AccessDenied", retries=5)}, [1.0])
    assert rows == []
    assert (tally.images()["unread"], tally.reason, tally.counts["retries"]) == (
        1,
        "S3 says AccessDenied, the first of them 'a'",
        5,
    )


def test_what_boto3_read_in_obstores_place_is_counted(task):
    answers = {
        "a//b": lambda dirty: Fetched(dirty, Status.UNCHANGED, fallback=Fallback.KEYS),
        "b": lambda dirty: Fetched(dirty, Status.UNCHANGED, fallback=Fallback.ERRORS),
        "c": lambda dirty: Fetched(dirty, Status.UNCHANGED),
        "d//": lambda dirty: Fetched(dirty, Status.UNCHANGED, fallback=Fallback.KEYS),
    }
    _, tally = task(answers, [1.0])
    assert tally.fallbacks() == {"keys": 2, "errors": 1}
    assert tally.images()["unchanged"] == 4


def test_an_image_that_nobody_could_read_has_no_etag_in_its_row(task):
    rows, _ = task({"a": lambda dirty: Fetched(dirty, Status.UNUSABLE, "archived", size=6)}, [1.0])
    assert [(row["etag"], row["size"], row["error"]) for row in rows] == [(None, 6, "archived")]


def test_features_that_are_not_finite_are_an_error(task):
    ppm = b"P6 1 1 255 abc"
    rows, tally = task({"a": lambda dirty: Fetched(dirty, Status.FOUND, body=ppm)}, [1.0, float("nan")])
    assert [(row["features"], row["error"]) for row in rows] == [(None, "net gives no finite features for this image")]
    assert tally.images()["errors"] == 1


def test_an_archive_that_does_not_fit_is_one_sentence():
    with pytest.raises(
        MisconfiguredError, match=r"the archive of packages does not fit Python 3\..* importing no_such"
    ):
        check_archive(("numpy", "no_such_package"))


@pytest.mark.parametrize(
    "error", [ImportError("no"), ValueError("numpy.dtype size changed"), OSError("wrong ELF class")]
)
def test_an_archive_of_another_platform_is_one_sentence_whatever_it_raises(monkeypatch, error):
    monkeypatch.setattr("pomona.session.importlib.import_module", Mock(side_effect=error))
    with pytest.raises(MisconfiguredError, match=rf"importing numpy failed \({error}\); build and deploy again"):
        check_archive(("numpy",))


def test_the_entry_point_ends_with_a_sentence(monkeypatch, capsys):
    monkeypatch.setattr(featurize, "check_archive", Mock(side_effect=MisconfiguredError("the archive does not fit")))
    monkeypatch.setattr(featurize, "start_session", Mock())  # a real one would be every later test's
    names = ("lake-bucket", "images-bucket", "database", "table", "backbone", "batch-id")
    limits = ("max-image-bytes", "max-image-pixels", "max-decoded-bytes", "max-jpeg-scans")
    numbers = ("attempt", *limits, "timeout-minutes")
    status = featurize.main([part for name in names + numbers for part in (f"--{name}", "1")])
    assert status == 1
    assert capsys.readouterr().err.splitlines()[-1] == "featurize: the archive does not fit"


class UntellableError(Exception):
    def __str__(self):
        raise OSError("the JVM is gone")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("one\ntwo"), "one"),
        (ValueError("  \n"), "ValueError"),
        (
            ValueError("An error occurred while calling o12.count.\n: java.io.IOException: no\n\tat x"),
            "java.io.IOException: no",
        ),
        (ValueError("An error occurred while calling o12.count."), "An error occurred while calling o12.count."),
        (UntellableError(), "UntellableError"),
        (ValueError("x" * 500), "x" * 300),
    ],
)
def test_an_error_is_told_in_one_line(error, told):
    assert first_line(error, 300) == told
