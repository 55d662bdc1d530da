"""Imaging from the 12-lead ECG: activation maps and transmembrane potentials at 75 points."""
