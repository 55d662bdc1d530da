"""Errors of predicted lead fields and their ECGs, and the audit of ECGs."""
