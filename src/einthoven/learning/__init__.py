"""Learning of lead fields: samples, codes of anatomies, surrogates, predictions.

Imports from `base`, `numerics`, `data`, `body` and `physics`. Rooms, each importing only from those
before it: `samples`, `encoders`, `surrogate`, `prediction`.
"""
