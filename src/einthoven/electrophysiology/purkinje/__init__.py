"""Purkinje trees."""
