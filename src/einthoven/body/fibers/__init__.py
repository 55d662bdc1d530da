"""Ventricular coordinates of a point, and fibre directions."""
