"""What a network of imaging gets: points of the heart, lead fields, traces, clinical measures."""
