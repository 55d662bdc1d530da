"""Activation of the heart."""
