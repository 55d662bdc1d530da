"""What a run of the workflow costs, how far it is, and what went wrong."""
