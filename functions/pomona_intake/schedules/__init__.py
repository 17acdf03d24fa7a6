"""What the schedules start: refits and maintenance, when the table has changed."""
