"""Conforming tetrahedra of heart and torso from closed, tagged surfaces."""
