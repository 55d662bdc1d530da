"""Samples of a patient for learning."""
