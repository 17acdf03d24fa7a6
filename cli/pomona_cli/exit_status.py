"""Exit statuses of `pomona`."""

FAILED = 1
INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it
