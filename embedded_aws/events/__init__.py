"""EventBridge: rules, schedules and cron expressions."""
