"""Patients in the formats of others."""
