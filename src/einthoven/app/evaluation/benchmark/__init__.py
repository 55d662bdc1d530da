"""Benchmark of lead fields: its task, submissions, and scores."""
