"""Inverse ECG: from potentials of the body surface to potentials of the heart's surface.

Imports from all wings above but `imaging`. Rooms, each importing only from those before it:
`problem` (the input and output of every method), `methods` (recommended), `baselines` (published
ones, for comparison), `synthetic` (problems with known answer), `measured` (recorded ones).
"""
