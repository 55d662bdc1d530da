"""Codes of anatomies: the PCA code and the DeepSDF auto-decoder."""
