"""What the operator may choose: how errors are grouped and in which format the table is exported.

These are apart from the code that uses them because `pomona --help` needs them without Arrow.
"""

from enum import StrEnum


class Grouping(StrEnum):
    """What errors are counted by."""

    reason = "reason"
    folder = "folder"


class ExportFormat(StrEnum):
    """The format of an exported file."""

    parquet = "parquet"
    csv = "csv"
    csv_gz = "csv.gz"
