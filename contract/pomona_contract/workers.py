"""The workers of EMR Serverless: a driver or an executor of every run."""

WORKER_VCPUS = 2
WORKER_GB = 8
