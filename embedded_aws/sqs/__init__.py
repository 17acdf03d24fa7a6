"""SQS: queues whose messages survive a restart."""
