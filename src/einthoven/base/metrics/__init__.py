"""Errors of fields, surfaces and ECGs, and their bounds."""
