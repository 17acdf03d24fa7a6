"""Turn S3 events into segments of dirty keys."""
