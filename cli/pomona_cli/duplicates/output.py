"""Groups of copies for people and as CSV."""

from collections.abc import Iterable, Sequence
from itertools import islice

import pyarrow as pa
import pyarrow.csv as csv

from pomona_cli.duplicates.copies import CopiedImage
from pomona_cli.output.csv_cells import escape_for_terminal, escape_formulas
from pomona_cli.output.files import STDOUT_TARGET, opened_for_writing
from pomona_cli.output.stream import print_line
from pomona_cli.output.text import plural

SCHEMA = pa.schema(
    [
        ("group", pa.int64()),
        ("key", pa.string()),
        ("label", pa.string()),
        ("keep", pa.bool_()),
        ("copy_of", pa.string()),
        ("exact", pa.bool_()),
        ("similarity", pa.float64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("size", pa.int64()),
        ("last_modified", pa.timestamp("us", tz="UTC")),
    ]
)


def print_groups(groups: Iterable[Sequence[CopiedImage]], limit: int) -> None:
    """Write at most `limit` groups to stdout: each image on a line, after what it is to the image that is kept."""
    for number, group in enumerate(islice(groups, limit), 1):
        print_line(f"group {number}: {plural(len(group), 'image')}")
        for image in group:
            measures = f"{image.width} x {image.height}, {image.size:,} bytes"
            print_line(f"  {_relation(image):5}  {image.key}  ({measures})")


def write_csv(groups: Iterable[Sequence[CopiedImage]], target: str) -> None:
    """Write all groups to a file, a row for each image; CliError if it cannot be written."""
    with opened_for_writing(target) as file, csv.CSVWriter(file, SCHEMA) as writer:
        for number, group in enumerate(groups, 1):
            rows = pa.RecordBatch.from_pylist([{"group": number, **image.document()} for image in group], SCHEMA)
            shown = map(escape_for_terminal, rows.columns) if target == STDOUT_TARGET else rows.columns
            writer.write_batch(pa.RecordBatch.from_arrays([*map(escape_formulas, shown)], schema=SCHEMA))


def _relation(image: CopiedImage) -> str:
    if image.similarity is None:
        return "keep"
    return "exact" if image.is_exact else f"{image.similarity:.3f}"
