"""The intake: from S3 events to runs of the featurize job, with a queue made of objects in the lake bucket."""
