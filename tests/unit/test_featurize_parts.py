"""How a batch is cut into tasks, what a task hands back, and what is refused before anything is looked at."""

from unittest.mock import Mock

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import featurize_job
from pomona.archive_check import check_archive
from pomona.errors import MisconfiguredError, first_line
from pomona.featurize import feature_extraction
from pomona.featurize import key_featurizer as featurizer_module
from pomona.featurize.arguments import FeaturizeArguments
from pomona.featurize.counters import TaskCounters, sum_counters
from pomona.featurize.partitioning import LEAST_KEYS_AT_THE_END, MOST_KEYS_A_TASK, falling_sizes, partitions, plan
from pomona.featurize.task import FeaturizeTask
from pomona.featurize.task_counters import CountersParam
from pomona.imaging.limits import Limits
from pomona.inference import InferenceEngine
from pomona.s3.image_fetcher import FallbackReason, FetchResult, FetchStatus, KeyToFetch
from pomona.table.branch_names import attempt_order, branch_in_location, branch_name
from pomona.table.row_lookup import LOOKUP_COLUMNS
from pomona.table.schema import CHANGES, RowBatch, label_of
from pomona_contract.image_keys import IgnoredNames


@pytest.mark.parametrize(("keys", "slots", "tasks"), [(0, 2, 1), (10, 2, 1), (10, 32, 1), (1000, 2, 4), (1000, 32, 10)])
def test_small_runs_stay_small(keys, slots, tasks):
    assert partitions(keys, slots) == tasks


@given(keys=st.integers(0, 10**6), slots=st.integers(1, 64))
def test_no_task_is_large_and_none_is_empty(keys, slots):
    tasks = partitions(keys, slots)
    assert keys / tasks <= MOST_KEYS_A_TASK
    assert 1 <= tasks <= max(keys, 1)


@given(keys=st.integers(0, 20_000), processes=st.integers(1, 8))
def test_tasks_of_the_driver_begin_large_and_end_small(keys, processes):
    sizes = falling_sizes(keys, processes)
    assert sum(sizes) == keys
    assert sizes == sorted(sizes, reverse=True)
    assert max(sizes) <= MOST_KEYS_A_TASK
    # And when the last task begins, no process has more than a few keys left
    assert sum(sizes[-2 * processes :]) <= 2 * processes * 2 * LEAST_KEYS_AT_THE_END
    assert len(sizes) <= 1 + keys / LEAST_KEYS_AT_THE_END


def known(*rows: dict[str, str | None]) -> pa.Table:
    """Rows of the table, as a run finds them."""
    usual = {"etag": "1", "backbone": "net@new", "label": None, "error": None}
    return pa.Table.from_pylist(
        [usual | row for row in rows], pa.schema([(name, pa.string()) for name in LOOKUP_COLUMNS])
    )


def test_a_plan_tells_each_key_what_the_table_knows():
    rows = known({"key": "a"}, {"key": "b", "etag": "2", "backbone": "net@old"})
    planned = {one.key: (one.etag, one.row_etag, one.known) for one in plan(["a", "b", "c"], rows, "net@new")}
    assert planned == {"a": ("1", "1", True), "b": (None, "2", True), "c": (None, None, False)}


def test_only_a_row_with_features_is_spared_by_its_etag():
    rows = known({"key": "a"}, {"key": "b", "error": "empty object"}, {"key": "c", "error": "e", "backbone": "net@old"})
    planned = {one.key: (one.etag, one.row_etag, one.row_error) for one in plan(["a", "b", "c"], rows, "net@new")}
    assert planned == {"a": ("1", "1", None), "b": (None, "1", "empty object"), "c": (None, "1", None)}


def test_a_row_with_a_label_of_an_earlier_release_is_made_again():
    keys = ["Pe\u0302che/1.jpg", "Pe\u0302che/2.jpg"]
    rows = known({"key": keys[0], "label": "Pe\u0302che"}, {"key": keys[1], "label": "P\u00eache"})
    assert {one.key: one.etag for one in plan(keys, rows, "net@new")} == {keys[0]: None, keys[1]: "1"}


def test_a_plan_marks_names_that_are_no_images():
    planned = plan(["a/._1.jpg", "a/1.jpg"], known(), "net@new", IgnoredNames(("._*",)))
    assert {one.key: one.ignored for one in planned} == {"a/._1.jpg": True, "a/1.jpg": False}


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("x.jpg", None),
        ("Apple/x.jpg", "Apple"),
        ("a/b c/x.jpg", "b c"),
        ("/x.jpg", None),
        ("a//x.jpg", None),
        ("a/", "a"),
        ("Pe\u0302che/x.jpg", "P\u00eache"),
        ("P\u00eache/x.jpg", "P\u00eache"),
        ("e\u0301/e\u0301.jpg", "\u00e9"),
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
    assert [branch_in_location(file) for file in files] == branches
    assert sorted(branches, key=attempt_order) == branches
    assert branch_in_location("s3://lake/warehouse/p.db/features/data/00000-4-run_1.parquet") is None


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
    left, right = TaskCounters(reason=""), TaskCounters(reason="S3 says SlowDown")
    left.counts["done"] += 2
    right.counts["unread"] += 1
    right.seconds["get"] += 0.5
    both = left.add(right)
    assert (both.outcomes()["done"], both.outcomes()["unread"], both.seconds["get"]) == (2, 1, 0.5)
    assert both.reason == "S3 says SlowDown"


@pytest.fixture
def task(monkeypatch):
    """A task over a network and an S3 of our own: gives its rows and its counters for what S3 answers."""

    def run(answers: dict[str, FetchResult], features: list[float], careful: bool = False):
        backbone = Mock(label="net@1", output_width=len(features), height=8, width=8)
        backbone.name = "net"
        engine = object.__new__(InferenceEngine)  # without a network
        monkeypatch.setattr(engine, "backbone", backbone, raising=False)
        monkeypatch.setattr(engine, "run", lambda _: np.array(features, np.float32))
        monkeypatch.setattr(featurizer_module, "cached_engine", lambda *_: engine)
        monkeypatch.setattr(
            featurizer_module, "ImageFetcher", lambda *_: Mock(fetch=lambda dirty: answers[dirty.key](dirty))
        )
        accumulator = Mock()
        limits = Limits(10**6, 10**8, 100, decode_seconds=20, decode_memory_bytes=2**28)
        arguments = FeaturizeArguments("lake", "b", "d", "t", "net", "x", 1, 1, limits, 60, careful=careful)
        featurizer = FeaturizeTask(arguments, accumulator)
        dirty = [KeyToFetch(key, etag=None, known=True, row_etag="e", row_error="archived") for key in answers]
        rows = pa.Table.from_batches([changes for _, changes in featurizer(0, dirty)], CHANGES)
        return rows.to_pylist(), accumulator.add.call_args.args[0][0]

    return run


def test_what_could_not_be_read_changes_no_row(task):
    rows, counters = task(
        {"a": lambda dirty: FetchResult(dirty, FetchStatus.UNREAD, "S3 says AccessDenied", retries=5)}, [1.0]
    )
    assert rows == []
    assert (counters.outcomes()["unread"], counters.reason, counters.counts["retries"]) == (
        1,
        "S3 says AccessDenied, the first of them 'a'",
        5,
    )


def test_what_boto3_read_in_obstores_place_is_counted(task):
    answers = {
        "a//b": lambda dirty: FetchResult(dirty, FetchStatus.UNCHANGED, fallback=FallbackReason.KEYS),
        "b": lambda dirty: FetchResult(dirty, FetchStatus.UNCHANGED, fallback=FallbackReason.ERRORS),
        "c": lambda dirty: FetchResult(dirty, FetchStatus.UNCHANGED),
        "d//": lambda dirty: FetchResult(dirty, FetchStatus.UNCHANGED, fallback=FallbackReason.KEYS),
    }
    _, counters = task(answers, [1.0])
    assert counters.fallbacks() == {"keys": 2, "errors": 1}
    assert counters.outcomes()["unchanged"] == 4


def test_an_image_that_nobody_could_read_has_no_etag_in_its_row(task):
    rows, _ = task({"a": lambda dirty: FetchResult(dirty, FetchStatus.UNUSABLE, "archived", size=6)}, [1.0])
    assert [(row["etag"], row["size"], row["error"]) for row in rows] == [(None, 6, "archived")]


@pytest.mark.parametrize(
    ("reason", "etag", "outcome"),
    [("archived", "e", "unchanged"), ("damaged", "e", "errors"), ("archived", "f", "errors")],
)
def test_the_same_error_of_the_same_object_changes_no_row_and_is_no_new_error(task, reason, etag, outcome):
    rows, counters = task({"a": lambda dirty: FetchResult(dirty, FetchStatus.UNUSABLE, reason, etag=etag)}, [1.0])
    assert [row["error"] for row in rows] == ([] if outcome == "unchanged" else [reason])
    assert {name: count for name, count in counters.outcomes().items() if count} == {outcome: 1}


def test_features_that_are_not_finite_are_an_error(task):
    ppm = b"P6 1 1 255 abc"
    rows, counters = task({"a": lambda dirty: FetchResult(dirty, FetchStatus.FOUND, body=ppm)}, [1.0, float("nan")])
    assert [(row["features"], row["error"]) for row in rows] == [(None, "net gives no finite features for this image")]
    assert counters.outcomes()["errors"] == 1


def test_an_image_without_room_beside_the_others_is_decoded_in_a_process_of_its_own(task, monkeypatch):
    # Given a worker in which decoding fails for want of memory
    monkeypatch.setattr(feature_extraction, "preprocess", Mock(side_effect=MemoryError))
    rows, counters = task({"a": lambda dirty: FetchResult(dirty, FetchStatus.FOUND, body=b"P6 1 1 255 abc")}, [1.0])
    assert [(row["features"], row["width"]) for row in rows] == [([1.0], 1)]
    assert (counters.outcomes()["done"], counters.counts["careful"]) == (1, 1)


def test_the_tally_of_a_repeated_task_takes_the_place_of_its_first():
    # Given a task that is done again, because the executor that held its rows was lost
    first, again, other = TaskCounters(), TaskCounters(), TaskCounters()
    for counters, done in ((first, 3), (again, 3), (other, 4)):
        counters.counts["done"] = done
    param = CountersParam()
    gathered = param.zero({})
    for accumulator in ({0: first}, {1: other}, {0: again}):
        gathered = param.addInPlace(gathered, accumulator)
    assert sum_counters(gathered).outcomes()["done"] == 7


def test_an_archive_that_does_not_fit_is_one_sentence():
    with pytest.raises(
        MisconfiguredError, match=r"the archive of packages does not fit Python 3\..* importing no_such"
    ):
        check_archive(("numpy", "no_such_package"))


@pytest.mark.parametrize(
    "error", [ImportError("no"), ValueError("numpy.dtype size changed"), OSError("wrong ELF class")]
)
def test_an_archive_of_another_platform_is_one_sentence_whatever_it_raises(monkeypatch, error):
    monkeypatch.setattr("pomona.archive_check.importlib.import_module", Mock(side_effect=error))
    with pytest.raises(MisconfiguredError, match=rf"importing numpy failed \({error}\); build and deploy again"):
        check_archive(("numpy",))


def test_the_entry_point_ends_with_a_sentence(monkeypatch, capsys):
    misfit = MisconfiguredError("the archive does not fit")
    monkeypatch.setattr(featurize_job, "check_archive", Mock(side_effect=misfit))
    names = ("lake-bucket", "images-bucket", "database", "table", "backbone", "batch-id")
    limits = ("max-image-bytes", "max-image-pixels", "max-decoded-bytes", "max-jpeg-scans")
    numbers = ("attempt", *limits, "timeout-minutes")
    status = featurize_job.main([part for name in names + numbers for part in (f"--{name}", "1")])
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
