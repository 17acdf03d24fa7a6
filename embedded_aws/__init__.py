"""The embedded AWS: one process that serves the APIs Pomona needs and deploys its unchanged template.

Roles are enforced: functions, runs and what AWS does in their name may do what their policies say (`iam/`).
What differs from AWS: the policies of buckets, queues and keys are kept and not enforced; functions run with this
machine's Python; a job's executors run inside its driver, and those that it asked for at its start are billed;
asynchronous invocations that were waiting when the process was killed are gone (state changes too: the clock heals
that, as on AWS, where their delivery is best effort); after a restart a message's count of receives starts again, of a
versioned bucket only the latest versions are there, and versions of functions are numbered from 1; objects' tags are
not kept.
"""
