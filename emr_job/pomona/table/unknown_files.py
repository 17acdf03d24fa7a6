"""Files in the table's folder that no snapshot knows: of runs and maintenances that were killed."""

from pomona.s3.objects import bucket_and_key, list_objects
from pomona.table.branch_names import attempt_order, branch_in_location
from pomona.table.feature_table import FeatureTable

# Iceberg's metadata tables of all snapshots that are kept: the table, and its column with addresses
_KNOWN_FILES = {
    "all_files": "file_path",
    "all_manifests": "path",
    "snapshots": "manifest_list",
    "metadata_log_entries": "file",
}


def unknown_files(table: FeatureTable) -> list[str]:
    """Return the addresses of all files in the table's folder that no snapshot knows, however young they are."""
    known = {address for name, column in _KNOWN_FILES.items() for address in _addresses(table, name, column)}
    bucket, folder = bucket_and_key(f"{table.load().location()}/")
    found = (f"s3://{bucket}/{key}" for key, _ in list_objects(bucket, folder))
    return [address for address in found if address not in known]


def remove_unknown_files(table: FeatureTable, branch: str) -> list[str]:
    """Remove the unknown files of attempts before that of `branch`, which has published; return those that are left.

    No earlier attempt can publish any more. One that was given up may still be compacting, so a file in no attempt's
    folder stays until it is maintenance.ORPHANED_AFTER old.
    """
    unknown = unknown_files(table)
    useless = {
        file
        for file in unknown
        if (writer := branch_in_location(file)) and attempt_order(writer) < attempt_order(branch)
    }
    storage = table.load().io()
    for file in useless:
        storage.deleteFile(file)
    return sorted(set(unknown) - useless)


def _addresses(table: FeatureTable, metadata_table: str, column: str) -> list[str]:
    rows = table.spark.table(f"{table.name}.{metadata_table}").select(column).distinct().collect()
    return [row[0] for row in rows]
