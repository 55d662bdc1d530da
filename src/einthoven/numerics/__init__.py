"""Equations without a heart: finite and boundary elements, optimisation, training of networks.

The wing imports from `base`. Its rooms `optimisation`, `fem`, `bem` and `training` do not import
one another.
"""
