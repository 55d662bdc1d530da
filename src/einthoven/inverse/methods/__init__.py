"""Inverse methods that we recommend, or that those are made of."""
