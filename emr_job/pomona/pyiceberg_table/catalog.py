"""The Glue catalog through pyiceberg: finds the feature table, and creates it."""

from functools import cache

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
    """Return the catalog. Its client never repeats a call.

    If the answer of an UpdateTable were lost and botocore repeated it, Glue would refuse the repetition. pyiceberg
    would take the commit for refused, and delete the manifest list of a snapshot that the table has.
    """
    settings = {"warehouse": f"s3://{lake_bucket}/warehouse", "py-io-impl": "pomona.pyiceberg_table.lake_io.LakeFileIO"}
    once = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 1, "mode": "standard"})
    return GlueCatalog("lake", client=boto3.client("glue", config=once), **settings)
