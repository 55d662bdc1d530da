"""Patients of the user: reading, checking and mending surfaces from files."""
