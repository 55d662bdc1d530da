"""Electrograms on the surface of a heart from the action potentials there."""

import numpy as np

from einthoven.numerics.bem.integrals import layers


def double_layer(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Potential just outside a heart per transmembrane potential on its surface: [node, node].

    phi(x) = int over the surface of (V_m(y) - V_m(x)) dOmega(y) / 4 pi: the equivalent double layer
    of a heart of equal anisotropy ratios, in an unbounded medium, up to a positive factor. It is
    positive while the wave approaches and falls steeply when it arrives. A constant V_m makes none.
    points [node, 3] mm, faces [face, 3] outward.

    References:
        Geselowitz, Proc IEEE 77:857 (1989), doi:10.1109/5.29327.
    """
    matrix = layers(points, points, faces).double
    return matrix - np.diag(matrix.sum(axis=1))
