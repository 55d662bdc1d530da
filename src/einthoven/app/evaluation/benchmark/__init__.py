"""The benchmark of lead fields: its task, what is submitted, and how that is scored."""
