"""Infarcts from the 12-lead ECG: simulated pairs of beats, the network, and what it says."""
