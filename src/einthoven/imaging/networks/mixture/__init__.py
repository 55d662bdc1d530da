"""The amortised posterior: a 12-lead ECG -> joint distribution of times and parameters."""
