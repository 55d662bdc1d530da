"""A patient as data: the Zarr store, the stages of a patient as classes, formats of others.

Imports from `base`. Rooms, each importing only from those before it: `dataset` (the only one that
knows Zarr), `patient` (the only one that knows the names of a patient's files), `publish`.
"""
