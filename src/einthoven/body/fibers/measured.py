"""Fibre frames about fibres that came with an imported heart."""

import numpy as np

from einthoven.base.core.log import logger
from einthoven.data.patient.fibers import Fibers
from einthoven.data.patient.heart import Heart
from einthoven.data.patient.measured import MeasuredTissue

PARALLEL = 0.99


def with_measured_fibers(ruled: Fibers, heart: Heart, measured: MeasuredTissue) -> Fibers:
    """The rule-based frames rotated to the heart's own fibres.

    Sheets are those of the rule, made perpendicular to the fibre: n0 is the rule's without its
    component along the fibre (or s0 is, where n0 is nearly the fibre), and s0 = n0 x f0. Each fibre
    has the sign that is nearest to the rule's.

    Args:
        ruled: rule-based fibres of the same heart.
        heart: in the frame of `measured`.
        measured: measured fibres.
    """
    f0, gap = measured.fiber_at(heart.centroids)
    f0 *= np.where(np.einsum("ci,ci->c", f0, ruled.f0) < 0, -1.0, 1.0)[:, None]
    across = np.abs(np.einsum("ci,ci->c", f0, ruled.n0)) < PARALLEL
    n0 = _perpendicular(np.where(across[:, None], ruled.n0, np.cross(f0, ruled.s0)), f0)
    logger.info("fibres of the heart's own mesh, from at most %.1f mm away", gap.max())
    s0 = np.cross(n0, f0)
    kept = {key: value.astype(np.float32) for key, value in (("f0", f0), ("s0", s0), ("n0", n0))}
    return Fibers(patient=ruled.patient, **kept)


def _perpendicular(vectors: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Unit vectors [cell, 3] without their component along others."""
    left = vectors - np.einsum("ci,ci->c", vectors, unit)[:, None] * unit
    return left / np.linalg.norm(left, axis=1, keepdims=True)
