"""`pomona erase`."""

import json
from datetime import UTC, datetime

import pytest

from pomona_contract.lake_layout import PENDING_SEGMENTS
from pomona_contract.segments import parse_segment_name
from tests.cli_documents import HOSTILE, lines, write
from tests.cli_stack import CliStack


def erasure_of(stack: CliStack) -> dict:
    (name,) = stack.aws.keys(stack.lake, "erasures/")
    return stack.aws.read(stack.lake, name)


def version_every_object(stack: CliStack) -> None:
    stack.s3.put_bucket_versioning(Bucket=stack.images, VersioningConfiguration={"Status": "Enabled"})


def versions(stack: CliStack) -> list[str]:
    answer = stack.s3.list_object_versions(Bucket=stack.images)
    return sorted(one["Key"] for name in ("Versions", "DeleteMarkers") for one in answer.get(name, ()))


def test_erase_reaches_objects_of_ignored_names(aws):
    stack = CliStack(aws, "cli-erase-ignored", IGNORED_NAMES="._*")
    stack.put("person/1.jpg", "person/._1.jpg", "person/")
    stack.append(stack.row("person/._1.jpg"))
    assert stack.pomona("erase", "person/", "--yes").exit_code == 0
    assert versions(stack) == []
    assert stack.dirty() == ["person/", "person/._1.jpg", "person/1.jpg"]


def test_erase_deletes_all_versions_marks_objects_and_rows_and_leaves_a_request(stack):
    # Given versions, a delete marker, rows of the prefix, and a neighbour whose name begins like it
    version_every_object(stack)
    stack.put("person/1.jpg", "person/1.jpg", "person/2.jpg", "person-2/1.jpg")
    stack.s3.delete_object(Bucket=stack.images, Key="person/1.jpg")
    stack.append(stack.row("person/1.jpg"), stack.row("person/gone.jpg"), stack.row("person-2/1.jpg"))
    # When the prefix is erased
    before = datetime.now(UTC)
    told = stack.pomona("erase", "person/", "--yes")
    # Then nothing of it is left in the bucket, its keys are dirty, and the request is open
    assert told.exit_code == 0, told.stderr
    assert "2 objects (4 versions), 2 rows" in told.stderr
    assert versions(stack) == ["person-2/1.jpg"]
    assert stack.dirty() == ["person/1.jpg", "person/2.jpg", "person/gone.jpg"]
    # And only the cluster takes them, because only its run makes an erasure final
    assert all(parse_segment_name(name).is_for_cluster for name in stack.aws.keys(stack.lake, PENDING_SEGMENTS))
    erasure = erasure_of(stack)
    assert (erasure["format"], erasure["bucket"], erasure["prefix"]) == (1, stack.images, "person/")
    assert (erasure["keys"], erasure["state"], erasure["final_at"]) == ([], "open", None)
    assert datetime.fromisoformat(erasure["requested_at"]) >= before
    assert "erasure" in stack.pomona("status").stdout


def test_erase_takes_keys_from_a_file_also_those_that_nobody_knows(stack, tmp_path):
    stack.put("a", "a/b", *HOSTILE)
    keys = tmp_path / "keys.jsonl"
    keys.write_text("".join(json.dumps(key) + "\n" for key in ["a", "un\nknown", *HOSTILE]))
    told = stack.pomona("erase", "--keys-from", str(keys), "--yes")
    assert told.exit_code == 0, told.stderr
    assert versions(stack) == ["a/b"]
    assert stack.dirty() == sorted(["a", "un\nknown", *HOSTILE])
    assert erasure_of(stack)["keys"] == ["a", "un\nknown", *HOSTILE]
    assert "1 key is neither in the bucket nor in the table" in told.stderr


def test_erase_of_more_objects_than_a_listing_has_leaves_none(stack):
    stack.put(*(f"p/{number:04d}" for number in range(1_005)), "q")
    told = stack.pomona("erase", "p/", "--yes", "--json")
    assert lines(told.stdout)[0]["versions"] == 1_005
    assert versions(stack) == ["q"]
    assert len(stack.dirty()) == 1_005


def test_erase_asks_and_changes_nothing_without_a_yes(stack):
    stack.put("a/1")
    for words, told in (
        (("erase", "a/"), "pass --yes"),
        (("erase", "a/", "--dry-run"), "1 object (1 version), 0 rows"),
    ):
        assert told in stack.pomona(*words).stderr
    assert (versions(stack), stack.dirty(), stack.aws.keys(stack.lake, "erasures/")) == (["a/1"], [], [])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("",), "An empty prefix is every image"),
        ((), "either a PREFIX or --keys-from"),
        (("a", "--keys-from", "/dev/null"), "either a"),
    ],
)
def test_erase_refuses_what_names_nothing_or_everything(common, words, sentence):
    told = common.pomona("erase", *words, "--yes")
    assert (told.exit_code, sentence in told.stderr) == (2, True), told.stderr


def test_an_interrupted_erase_is_seen_and_goes_on_under_its_own_id(stack):
    # Given an erasure that was begun and whose objects are not all deleted
    stack.put("a/1")
    about = {"requested_at": "2026-11-20T12:00:00.000Z", "bucket": stack.images, "prefix": "a/", "keys": []}
    write(stack, "erasures/open/begun.json", {"id": "begun", **about, "state": "deleting", "final_at": None})
    assert "begun" in stack.pomona("status").stdout
    # When it is repeated
    stack.pomona("erase", "a/", "--yes")
    # Then it is the same request, now open, and newer than what was deleted
    erasure = erasure_of(stack)
    assert (erasure["id"], erasure["state"]) == ("begun", "open")
    assert erasure["requested_at"] > "2026-11-21"
    # and still open since it was first asked for
    assert erasure["first_requested_at"] == about["requested_at"]
    assert "is open since 2026-11-20 12:00:00" in stack.pomona("status").stdout


def test_an_erase_that_finds_nothing_says_so_and_goes_on(stack):
    stack.put("person-1/a" + "b" * 1000)
    told = stack.pomona("erase", "persn-1/", "--yes")
    assert (told.exit_code, "Nothing of the prefix 'persn-1/' is in the bucket or the table" in told.stderr) == (
        0,
        True,
    )
    shown = stack.pomona("erase", "person-1/", "--dry-run").stderr
    assert max(map(len, shown.splitlines())) < 150
