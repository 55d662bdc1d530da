"""Inverse problems with known answer, and what methods and lead fields are worth on them."""
