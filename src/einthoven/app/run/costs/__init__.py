"""Costs of a run."""
