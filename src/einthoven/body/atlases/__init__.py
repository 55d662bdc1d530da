"""Converters of published atlases to one file each."""
