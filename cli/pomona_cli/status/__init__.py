"""What `pomona status` shows: alarms, the queue, runs, the last refit and open erasures."""
