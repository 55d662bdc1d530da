"""Inverse ECG with a travelling-wave prior, everything in it chosen by the marginal likelihood."""
