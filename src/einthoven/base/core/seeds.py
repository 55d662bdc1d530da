"""Random generators derived from one seed and the names of their purpose."""

import hashlib

import numpy as np


def derive_seed(seed: int, *keys: str | int) -> int:
    """A 63-bit seed from the config's seed and any number of keys (patient, purpose)."""
    text = "/".join([str(int(seed)), *map(str, keys)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def generator(seed: int, *keys: str | int) -> np.random.Generator:
    """A NumPy generator that depends only on the seed and the keys, never on global state."""
    return np.random.default_rng(derive_seed(seed, *keys))


def latin_hypercube(n: int, n_dimensions: int, rng: np.random.Generator) -> np.ndarray:
    """Points [n, n_dimensions] in the unit cube, one in each of n slices of every axis.

    SciPy's version permutes the slices in another order, which would change all cohorts.
    """
    slices = rng.permuted(np.tile(np.arange(n)[:, None], (1, n_dimensions)), axis=0)
    return (slices + rng.random((n, n_dimensions))) / n
