"""Equations without a heart: finite elements, boundary elements, and the training of networks.

Imports from `base`. Rooms: `fem`, `bem`, `training`, which do not know each other's patients.
"""
