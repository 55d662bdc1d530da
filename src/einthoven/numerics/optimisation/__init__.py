"""Minimisation of smooth costs by Gauss-Newton steps: damped, or shortened by a line search."""
