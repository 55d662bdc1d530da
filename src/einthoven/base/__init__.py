"""What everything stands on: errors and files, settings, geometry, metrics, figures of arrays.

Imports nothing else of einthoven. Rooms, each importing only from those before it: `core`,
`config`, `geometry`, `metrics`, `plots` (which knows nothing but `core`).
"""
