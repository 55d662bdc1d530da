"""Activation maps of the whole muscle, and infarcts, from the 12-lead ECG.

Imports from all wings above but `inverse`. Rooms, each importing only from those before it:
`inputs`, `corpus`, `networks`, `model`, `infarct`, `twin`.
"""
