"""Patients in other formats."""
