"""Simulated beats for training: their parameters, simulation, splits and corpora."""
