"""From a mesh with fibres to activation times, lead fields and ECGs.

Imports from `base`, `numerics` and `data`; it does not know how a body was made. Rooms, each
importing only from those before it: `electrophysiology`, `leadfield`, `ecg`.
"""
