"""Activation and recovery times as the unknowns, with a parametric action potential."""
