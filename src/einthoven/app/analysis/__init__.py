"""Questions to one patient: reciprocity, sensitivity, contributions, breakthroughs."""
