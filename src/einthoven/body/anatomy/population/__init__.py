"""Parameters of the cohort, and its comparison with measured populations."""
