"""A patient as data: the Zarr store, the stages of a patient as classes, other formats.

Imports from `base`. Rooms, each importing only from those before it: `dataset` (the only one that
uses Zarr), `patient` (the only one that knows the names of a patient's files), `publish`.
"""
