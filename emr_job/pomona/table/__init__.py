"""The feature table: its schema, branches, scans, erasures and maintenance on Iceberg."""
