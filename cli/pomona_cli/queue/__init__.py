"""The queue: what waits and has failed, marking keys dirty, and backfill."""
