"""Analyses of one patient: reciprocity, sensitivity and contributions."""
