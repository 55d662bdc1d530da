"""Twelve-lead recordings from files of others: WFDB records and CSV tables."""
