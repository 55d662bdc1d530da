"""Activation and recovery times as the unknowns: the waveform of an action potential is given."""
