"""When: sensors that turn queued exports into runs and keep the queue honest."""
