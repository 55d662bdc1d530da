"""Twelve-lead recordings from WFDB, CSV, NumPy and CardioSoft files, and their median beats."""
