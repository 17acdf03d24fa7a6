"""Read Iceberg's metadata of the feature table from the lake, without Spark; the Glue catalog knows where it lies."""

import gzip
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from pomona_contract.versions import Format
from pomona_intake.errors import code_of, transient_errors
from pomona_intake.s3.lake import Lake

if TYPE_CHECKING:
    from mypy_boto3_glue.client import GlueClient

# Iceberg's own versions of its metadata; the jobs write version 2
_FORMAT = Format(written=2, readable=(1, 2, 3), field="format-version")


class TableMetadata:
    """The present metadata of one table."""

    def __init__(self, glue: "GlueClient", lake: Lake, database: str, table: str) -> None:
        self._glue = glue
        self._lake = lake
        self._database = database
        self._table = table

    def read(self) -> dict[str, Any]:
        """Return Iceberg's document; empty if no run has created the table yet.

        Raises:
            TransientError: AWS could not answer.
            FormatError: the document has a version that this release does not know.
        """
        location = self._location()
        stored = self._lake.read(urlsplit(location).path.lstrip("/")) if location else None
        if stored is None:
            return {}
        body = gzip.decompress(stored.body) if ".gz" in str(location) else stored.body
        metadata: dict[str, Any] = json.loads(body)
        _FORMAT.require(str(location), metadata.get(_FORMAT.field))
        return metadata

    def _location(self) -> str | None:
        with transient_errors(f"reading the table {self._table}"):
            try:
                answer = self._glue.get_table(DatabaseName=self._database, Name=self._table)
            except ClientError as error:
                if code_of(error) == "EntityNotFoundException":
                    return None
                raise
        return answer["Table"].get("Parameters", {}).get("metadata_location")
