"""Anatomies from a user's files."""
