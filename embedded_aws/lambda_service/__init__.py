"""Lambda: functions run in processes of their own, event source mappings and their logs."""
