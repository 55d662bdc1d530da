"""Inverse ECG: from potentials of the body surface to potentials of the heart's surface.

Imports from all wings above but `imaging`. Rooms, each importing only from those before it:
`problem` (what every method gets), `methods` (ours), `baselines` (published ones, to compare with),
`synthetic` (problems with known answer), `measured` (recorded ones).
"""
