"""The embedded AWS: one process that serves the APIs Pomona needs and deploys its unchanged template.

The policies of roles are enforced (`iam/`): for functions, for job runs, and for what a service does in a role.

Differences from AWS:
- The policies of buckets, queues and KMS keys are stored and not enforced.
- Functions run with this machine's Python.
- A job's executors run inside its driver. The executors at its start are billed.
- SIGKILL loses queued asynchronous invocations and state-change events. The schedule repairs that, as on AWS, where
  delivery of these events is best effort.
- After a restart a message's receive count starts at zero, a versioned bucket has its latest versions only, and
  functions' versions are numbered from 1.
- Objects' tags are not stored.
"""
