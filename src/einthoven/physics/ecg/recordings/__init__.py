"""Twelve-lead recordings from files of others: WFDB records, CSV and NumPy tables, CardioSoft."""
