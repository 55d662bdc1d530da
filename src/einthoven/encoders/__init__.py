"""Codes of anatomies: the PCA code, the DeepSDF auto-decoder, and shared training tools."""
