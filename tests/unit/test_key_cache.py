"""The cache of the data files' keys: its bound holds while it reads, and a kept file is not read again."""

import pytest

from pomona.pyiceberg_table import key_cache
from pomona.pyiceberg_table.key_cache import KeyCache
from pomona.table.scan import DataFile


def files(count: int) -> list[DataFile]:
    return [DataFile(f"s3://lake/{number}.parquet", 1000, rows=100) for number in range(count)]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of the files that were read: each has a hundred keys of its own."""
    found: list[str] = []

    def keys_of(file: DataFile, _: object) -> list[str]:
        found.append(file.location)
        return [f"{file.location}#{number}" for number in range(100)]

    monkeypatch.setattr(key_cache, "_keys_of", keys_of)
    return found


def test_only_files_with_a_wanted_key_are_found(read: list[str]) -> None:
    some = files(5)
    cache = KeyCache()
    assert cache.files_with_any(some, ["s3://lake/3.parquet#7", "nowhere"]) == [some[3]]
    assert cache.files_with_any(some, ["nowhere"]) == []
    assert sorted(read) == [file.location for file in some]


def test_a_kept_file_is_not_read_again(read: list[str]) -> None:
    cache, some = KeyCache(), files(5)
    for _ in range(3):
        cache.files_with_any(some, ["nowhere"])
    assert len(read) == 5


def test_no_more_is_kept_than_the_bound_and_every_file_is_looked_into(read: list[str]) -> None:
    # Given a bound of two files' keys or so, and many files
    cache, some = KeyCache(most_bytes=2000), files(60)
    wanted = [f"{file.location}#99" for file in some]
    # When all are looked into, twice
    for _ in range(2):
        assert set(cache.files_with_any(some, wanted)) == set(some)
    # Then little is kept, so most were read again
    assert len(read) > 100
