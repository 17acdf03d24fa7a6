"""Lambda: functions in worker processes, event source mappings, and log delivery."""
