"""Measured cases of inverse ECG: surfaces, electrodes and potentials from files."""
