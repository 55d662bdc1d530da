"""Scar and ischaemia: their regions, and their effects on conduction and cells."""
