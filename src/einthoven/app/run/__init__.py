"""The workflow: plan, jobs, records, costs, progress."""
