"""From S3 events to segments of dirty keys."""
