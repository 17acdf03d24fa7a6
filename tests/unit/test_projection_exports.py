"""The compressed projections: what reads gzip reads them, and they are as small as numbers allow."""

import gzip
import io

import numpy as np
import pyarrow as pa
import pyarrow.csv

from pomona.refit.projection_exports import gzip_member


def numbers(seed: int) -> bytes:
    """Projections as CSV: a key and a hundred numbers a row."""
    random = np.random.default_rng(seed)
    columns = {"key": [f"Apple/r_{row}.jpg" for row in range(200)]}
    columns |= {f"pc_{number}": random.normal(size=200) for number in range(100)}
    text = io.BytesIO()
    pyarrow.csv.write_csv(pa.table(columns), text)
    return text.getvalue()


def test_members_are_read_as_one_text() -> None:
    assert gzip.decompress(gzip_member(numbers(1)) + gzip_member(numbers(2))) == numbers(1) + numbers(2)


def test_the_same_rows_are_the_same_bytes() -> None:
    assert gzip_member(numbers(1)) == gzip_member(numbers(1))


def test_numbers_become_smaller_than_by_looking_for_repetitions() -> None:
    assert len(gzip_member(numbers(1))) < len(gzip.compress(numbers(1), 1))
