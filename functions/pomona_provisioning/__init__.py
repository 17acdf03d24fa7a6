"""Custom resources of the stack: buckets, their notifications, the Glue database and the job's bundle."""
