"""Who is in the cohort, and how it compares with people."""
