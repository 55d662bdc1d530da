"""Networks that map (point, electrode, anatomy) to the lead-field gradient; their training."""
