"""What the schedules start when the table has changed: refits and maintenance."""
