"""Estimation constrained by the Aliev-Panfilov equation: 4D-Var with a Gaussian model error."""
