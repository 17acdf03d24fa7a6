"""The intake: S3 events become segments of dirty keys, segments become runs of the featurize job, one at a time."""
