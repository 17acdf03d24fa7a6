"""Listing a bucket in parallel: every object once, whatever the keys look like."""

import threading
from datetime import UTC, datetime
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pomona_cli.objects.listing import Listing

NOW = datetime(2026, 11, 21, tzinfo=UTC)
PAGE = 3
KEYS = st.sets(st.text("ab/é\x7f", min_size=1, max_size=8), max_size=60)


class Bucket:
    """ListObjectsV2 over a list of keys, with pages of three."""

    def __init__(self, keys) -> None:
        self.keys = sorted(keys, key=lambda key: key.encode())
        self.asked = []
        self.lock = threading.Lock()

    def list_objects_v2(self, Bucket, Prefix, Delimiter=None, StartAfter=""):
        with self.lock:
            self.asked.append((Prefix, Delimiter, StartAfter))
        below = [key for key in self.keys if key.startswith(Prefix) and key > StartAfter]
        if Delimiter:
            return self.folders(below, Prefix, Delimiter)
        page = [{"Key": key, "LastModified": NOW} for key in below[:PAGE]]
        return {"Contents": page, "IsTruncated": len(below) > PAGE} if page else {"IsTruncated": False}

    def folders(self, below, prefix, delimiter):
        rests = [key[len(prefix) :] for key in below]
        folders = sorted({prefix + rest.split(delimiter)[0] + delimiter for rest in rests if delimiter in rest})
        return {"CommonPrefixes": [{"Prefix": folder} for folder in folders]} if folders else {}


def listed(bucket, prefix=""):
    return [one.key for page in Listing(bucket, "images", prefix).pages() for one in page]


@given(KEYS, st.text("ab/", max_size=2))
def test_every_object_below_the_prefix_is_listed_once(keys, prefix):
    assert sorted(listed(Bucket(keys), prefix)) == sorted(key for key in keys if key.startswith(prefix))


@given(st.lists(st.integers(0, 9), max_size=30), st.booleans())
def test_however_a_listing_is_split_every_object_is_listed_once(sizes, markers):
    # Given folders of different sizes, with objects that are their markers
    keys = [f"{folder:02d}/{number}" for folder, size in enumerate(sizes) for number in range(size)]
    keys += [f"{folder:02d}/" for folder in range(len(sizes)) if markers]
    # When every free request takes over a part of another's range
    with patch("pomona_cli.objects.listing._PAGES_WORTH_A_SPLIT", 0):
        found = listed(Bucket(keys))
    # Then each object came once
    assert sorted(found) == sorted(keys)


def test_the_marker_of_a_folder_is_an_object_too():
    keys = ["a/", "a/1", "b/", "b/c/", "b/c/1"]
    assert sorted(listed(Bucket(keys))) == keys


def test_many_folders_are_listed_side_by_side():
    # Given forty folders of nine objects each
    bucket = Bucket(f"{folder:02d}/{number}" for folder in range(40) for number in range(9))
    # When they are listed
    found = listed(bucket)
    # Then several requests began at a folder, not where another had ended
    starts = {after for _, delimiter, after in bucket.asked if not delimiter and after.endswith("/")}
    assert len(found) == 360
    assert len(starts) >= 15


def test_a_bucket_of_one_folder_costs_no_more_requests_than_pages():
    bucket = Bucket(f"all/{number:03d}" for number in range(30))
    assert len(listed(bucket)) == 30
    assert len([1 for _, delimiter, _ in bucket.asked if not delimiter]) == 10


def test_a_bucket_of_one_page_costs_one_request():
    bucket = Bucket(["a/1", "b/2"])
    assert listed(bucket) == ["a/1", "b/2"]
    assert len(bucket.asked) == 1


def test_an_error_of_one_request_ends_the_listing():
    class Refusing(Bucket):
        def list_objects_v2(self, **options):
            if options.get("StartAfter"):
                raise PermissionError("refused")
            return super().list_objects_v2(**options)

    with pytest.raises(PermissionError):
        listed(Refusing(f"{folder}/{number}" for folder in range(5) for number in range(9)))
