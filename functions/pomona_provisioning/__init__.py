"""The stack's custom resources: buckets, their notifications, the Glue database and the jobs' bundle."""
