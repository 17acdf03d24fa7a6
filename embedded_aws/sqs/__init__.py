"""SQS: queues whose messages outlive the process."""
