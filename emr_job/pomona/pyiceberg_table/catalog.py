"""The Glue catalog through pyiceberg: finds the feature table, and creates it."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import NoSuchTableError, TableAlreadyExistsError
from pyiceberg.schema import Schema
from pyiceberg.table import Table

from pomona.table.schema import PROPERTIES, table_schema


def load_or_create_table(lake_bucket: str, database: str, name: str) -> Table:
    """Return the table as it is now; the first run creates it."""
    return load_table(lake_bucket, database, name) or create_table(lake_bucket, database, name)


def load_table(lake_bucket: str, database: str, name: str) -> Table | None:
    """Return the table as it is now; None if there is none."""
    try:
        return _catalog(lake_bucket).load_table((database, name))
    except NoSuchTableError:
        return None


def create_table(lake_bucket: str, database: str, name: str) -> Table:
    """Create the table, and return it; if another run was first, return its table."""
    catalog = _catalog(lake_bucket)
    try:
        return catalog.create_table((database, name), Schema.model_validate(table_schema()), properties=PROPERTIES)
    except TableAlreadyExistsError:
        return catalog.load_table((database, name))


@cache
def _catalog(lake_bucket: str) -> GlueCatalog:
    settings = {"warehouse": f"s3://{lake_bucket}/warehouse", "py-io-impl": "pomona.pyiceberg_table.lake_io.LakeFileIO"}
    return GlueCatalog("lake", client=_Glue(), **settings)


class _Glue:
    """A client of Glue that repeats every call but UpdateTable.

    If the answer of an UpdateTable were lost and botocore repeated it, Glue would refuse the repetition. pyiceberg
    would take the commit for refused, and delete the manifest list of a snapshot that the table has.
    """

    def __init__(self) -> None:
        self._repeating, self._once = _client(attempts=5), _client(attempts=1)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - boto3's methods
        return getattr(self._once if name == "update_table" else self._repeating, name)


def _client(attempts: int) -> Any:  # noqa: ANN401 - boto3's clients
    retries: Any = {"total_max_attempts": attempts, "mode": "standard"}
    return boto3.client("glue", config=Config(connect_timeout=5, read_timeout=30, retries=retries))
