"""Training of any task: schedule, loop, resuming, checkpoints, tracking."""
