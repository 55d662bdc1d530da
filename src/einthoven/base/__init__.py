"""Foundations: errors and files, settings, geometry, metrics, figures of arrays.

The wing imports nothing else of einthoven. Rooms, each importing only from those before it: `core`,
`config`, `geometry`, `metrics`, `plots` (which imports `core` only).
"""
