"""Models of one cell."""
