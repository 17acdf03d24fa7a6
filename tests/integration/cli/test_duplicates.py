"""`pomona duplicates`: exact copies by etag and size, near-copies by the projections of the last refit."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from pomona.identify.neighbours import NeighboursBuilder, neighbours_bytes
from tests.cli_documents import HOSTILE, lines
from tests.identify_results import put_latest

COMMITTED = datetime(2026, 11, 20, 12, tzinfo=UTC)


def put_index(stack, angles):
    """Write an index in which the keys have these angles, in degrees."""
    builder = NeighboursBuilder()
    radians = np.radians(list(angles.values()))
    builder.add(list(angles), [None] * len(angles), np.column_stack([np.cos(radians), np.sin(radians)]))
    prefix = put_latest(stack.s3, stack.lake, rows=len(angles))
    stack.s3.put_object(Bucket=stack.lake, Key=f"{prefix}neighbours.npz", Body=neighbours_bytes(builder.finish()))


def put_rows(stack, keys, **changed):
    """Rows with contents of their own."""
    stack.append(*(stack.row(key, **{"etag": f"etag of {key}"} | changed) for key in keys))


def groups(stack, *words):
    told = stack.pomona("duplicates", "--json", *words)
    assert told.exit_code == 0, told.stderr
    return [[(one["key"], one["copy_of"]) for one in group["images"]] for group in lines(told.stdout)]


def test_exact_and_near_copies_of_an_image_are_one_group(stack):
    # Given an image, a copy of it, a smaller one of it, and another image
    put_rows(stack, ["a/copy.jpg", "b/original.jpg"], etag="same", width=200)
    put_rows(stack, ["c/small.jpg", "d/other.jpg"])
    put_index(stack, {"a/copy.jpg": 0, "b/original.jpg": 0, "c/small.jpg": 3, "d/other.jpg": 40})
    # Then the three are a group, of which the largest is kept
    (group,) = lines(stack.pomona("duplicates", "--json").stdout)
    first, exact, near = group["images"]
    assert (group["group"], first["key"], first["keep"], first["similarity"]) == (1, "a/copy.jpg", True, None)
    assert (exact["key"], exact["copy_of"], exact["exact"], exact["similarity"]) == (
        "b/original.jpg",
        "a/copy.jpg",
        True,
        1,
    )
    assert (near["key"], near["copy_of"], near["exact"]) == ("c/small.jpg", "a/copy.jpg", False)
    assert near["similarity"] == pytest.approx(np.cos(np.radians(3)), abs=2e-3)
    assert (first["width"], near["height"], near["size"], near["label"]) == (200, 10, 5, "c")


def test_the_threshold_decides_what_is_a_near_copy(stack):
    put_rows(stack, ["a.jpg", "b.jpg"])
    put_index(stack, {"a.jpg": 0, "b.jpg": 18})
    assert groups(stack) == []
    assert groups(stack, "--threshold", "0.9") == [[("a.jpg", None), ("b.jpg", "a.jpg")]]
    assert stack.pomona("duplicates", "--threshold", "1.5").exit_code == 2


def test_the_one_with_the_most_pixels_then_bytes_then_the_oldest_then_the_first_key_is_kept(stack):
    late = datetime(2026, 11, 21, tzinfo=UTC)
    pairs = {
        "pixels": ({"width": 20, "size": 1}, {"width": 19, "size": 9}),
        "bytes": ({"size": 9, "last_modified": late}, {"size": 8}),
        "age": ({}, {"last_modified": late}),
        "natural": ({}, {}),
    }
    angles = {}
    for number, (name, (best, other)) in enumerate(pairs.items()):
        keys = ("natural_9.jpg", "natural_10.jpg") if name == "natural" else (f"{name}-z.jpg", f"{name}-a.jpg")
        for key, changed in zip(keys, (best, other), strict=True):
            put_rows(stack, [key], **changed)
            angles[key] = 50 * number
    put_index(stack, angles)
    assert {group[0][0] for group in groups(stack)} == {"pixels-z.jpg", "bytes-z.jpg", "age-z.jpg", "natural_9.jpg"}


def test_before_a_refit_exact_copies_are_found_and_it_is_said(stack):
    # Given copies of a multipart upload, the same etag with another size, images without an etag, and broken copies
    put_rows(stack, ["a/1.jpg", "b/1.jpg"], etag="0123abc-7")
    put_rows(stack, ["a/2.jpg"], etag="0123abc-7", size=6)
    put_rows(stack, ["a/3.jpg", "b/3.jpg"], etag=None)
    put_rows(stack, ["a/4.jpg", "b/4.jpg"], etag="broken", error="not an image", features=None)
    told = stack.pomona("duplicates")
    assert told.exit_code == 0
    assert "Only exact copies are found. There are no results yet" in told.stderr
    assert told.stdout.splitlines() == [
        "group 1: 2 images",
        "  keep   a/1.jpg  (10 x 10, 5 bytes)",
        "  exact  b/1.jpg  (10 x 10, 5 bytes)",
        "1 group with 2 images.",
    ]


def test_what_has_changed_since_the_refit_is_no_near_copy(stack):
    # Given an index of four images, of which one was replaced and one deleted after the refit
    put_index(stack, {"a.jpg": 0, "b.jpg": 0, "gone.jpg": 0, "replaced.jpg": 0})
    put_rows(stack, ["a.jpg", "b.jpg"])
    put_rows(stack, ["replaced.jpg"], featurized_at=COMMITTED + timedelta(hours=1))
    assert groups(stack) == [[("a.jpg", None), ("b.jpg", "a.jpg")]]


@pytest.mark.parametrize("rows", [0, 1])
def test_a_table_of_few_rows_has_no_copies(stack, rows):
    put_rows(stack, [f"{number}.jpg" for number in range(rows)])
    put_index(stack, {"a.jpg": 0} if rows else {})
    told = stack.pomona("duplicates")
    assert (told.exit_code, told.stdout) == (0, "No image is a copy of another.\n")
    assert stack.pomona("duplicates", "--csv", "-").stdout.startswith('"group","key"')


def test_before_the_first_run_there_is_no_table(common):
    told = common.pomona("duplicates")
    assert (told.exit_code, "There is no feature table" in told.stderr) == (1, True)


def test_keys_of_any_characters_are_exact_in_json_and_harmless_elsewhere(stack, tmp_path):
    put_rows(stack, HOSTILE, etag="same")
    put_index(stack, dict.fromkeys(HOSTILE, 0))
    told = stack.pomona("duplicates")
    assert ("\x1b" in told.stdout, r"\x1b[31mred.jpg" in told.stdout) == (False, True)
    assert sorted(key for key, _ in groups(stack)[0]) == sorted(HOSTILE)
    target = tmp_path / "copies.csv"
    assert stack.pomona("duplicates", "--csv", str(target)).exit_code == 0
    rows = list(csv.DictReader(io.StringIO(target.read_text(), newline="")))
    assert sorted(row["key"].removeprefix("'") for row in rows) == sorted(HOSTILE)
    assert not [row for row in rows if row["key"].startswith("=") or row["copy_of"].startswith("=")]
    assert [row["keep"] for row in rows].count("true") == 1


def test_a_csv_file_is_not_overwritten_without_a_question(stack, tmp_path):
    put_rows(stack, ["a.jpg"])
    target = tmp_path / "copies.csv"
    target.write_text("before")
    told = stack.pomona("duplicates", "--csv", str(target))
    assert (told.exit_code, target.read_text()) == (1, "before")
    assert stack.pomona("duplicates", "--csv", str(target), "--force").exit_code == 0
    assert target.read_text() != "before"
    assert stack.pomona("duplicates", "--csv", "-", "--json").exit_code == 2


def test_the_largest_groups_are_shown_and_all_are_in_json(stack):
    put_rows(stack, ["a.jpg", "b.jpg"], etag="two")
    put_rows(stack, ["c.jpg", "d.jpg", "e.jpg"], etag="three")
    told = stack.pomona("duplicates", "--limit", "1")
    assert "c.jpg" in told.stdout
    assert "a.jpg" not in told.stdout
    assert told.stdout.endswith("2 groups with 5 images. The first 1 are shown; --csv FILE writes all.\n")
    assert len([json.loads(line) for line in stack.pomona("duplicates", "--json").stdout.splitlines()]) == 2
