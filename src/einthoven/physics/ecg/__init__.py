"""Electrode potentials from lead fields, the twelve leads, and their intervals."""
