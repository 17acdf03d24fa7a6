"""Iceberg's metadata of the feature table, found through the Glue catalog and read from the lake, without Spark."""

import gzip
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from pomona_intake.errors import FormatError, code_of, transient_errors
from pomona_intake.s3.lake import Lake
from pomona_intake.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_glue.client import GlueClient

_FORMAT_VERSIONS = (1, 2, 3)  # of Iceberg's metadata


class TableMetadata:
    """The metadata of one table, as they are whenever they are read."""

    def __init__(self, glue: "GlueClient", lake: Lake, settings: Settings) -> None:
        self._glue = glue
        self._lake = lake
        self._settings = settings

    def read(self) -> dict[str, Any]:
        """Iceberg's document; empty for a table that no run has created yet.

        Raises:
            TransientError: AWS could not answer.
            FormatError: the document is of a version that this release does not know.
        """
        location = self._location()
        stored = self._lake.read(urlsplit(location).path.lstrip("/")) if location else None
        if stored is None:
            return {}
        body = gzip.decompress(stored.body) if ".gz" in str(location) else stored.body
        metadata: dict[str, Any] = json.loads(body)
        require_format(str(location), metadata, "format-version", _FORMAT_VERSIONS)
        return metadata

    def _location(self) -> str | None:
        with transient_errors(f"asking for table {self._settings.table_name}"):
            try:
                answer = self._glue.get_table(DatabaseName=self._settings.database_name, Name=self._settings.table_name)
            except ClientError as error:
                if code_of(error) == "EntityNotFoundException":
                    return None
                raise
        return answer["Table"].get("Parameters", {}).get("metadata_location")


def require_format(name: str, document: dict[str, Any], field: str, known: tuple[int, ...]) -> None:
    """FormatError, naming the document, unless its field holds one of the versions that are known."""
    if document.get(field) not in known:
        raise FormatError(f"{name} has {field} {document.get(field)!r}, but this release reads only {known}.")
