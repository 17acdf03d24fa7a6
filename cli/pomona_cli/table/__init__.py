"""Reading the feature table: rows, error rows, and export to Parquet or CSV."""
