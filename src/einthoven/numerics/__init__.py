"""Equations without a heart: finite elements, boundary elements, and the training of networks.

The wing imports from `base`. Its rooms `fem`, `bem` and `training` do not import one another.
"""
