"""The intake: S3 events become segments of dirty keys, and segments become runs of the featurize job, one at a time.

Imports go downwards only: dependencies → ingest, schedules → queue → runs → s3 → settings, telemetry, errors; all of
them may import the contract.
"""
