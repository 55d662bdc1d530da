"""Analyses of one patient: reciprocity, sensitivity, contributions, breakthroughs."""
