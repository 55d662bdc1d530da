"""Anatomies from the files of a user."""
