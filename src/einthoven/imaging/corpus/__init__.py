"""Simulated beats to learn from: what is drawn, its simulation, its splits, corpora of others."""
