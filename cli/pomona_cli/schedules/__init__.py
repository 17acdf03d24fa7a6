"""When a schedule of EventBridge Scheduler is due next."""
