"""Inverse problems whose answer is known."""
