"""Questions to one patient: reciprocity, sensitivity."""
