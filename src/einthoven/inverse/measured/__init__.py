"""Measured cases of inverse ECG: surfaces, electrodes and potentials of the files of others."""
