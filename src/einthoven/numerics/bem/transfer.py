"""Transfer from potentials on the heart's surface to the skin: direct boundary elements.

The method of Barr 1977 (see `bem.bem_body`) with linear instead of constant potentials and normal
derivatives. The heart is cut out of the torso, whatever is inside it. On its surface the potential
is given and the normal derivative unknown; on the insulated skin it is the other way round.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve

from einthoven.numerics.bem.bem_body import BemBody, Inclusion


@dataclass(frozen=True)
class BemTransfer:
    """The potential outside a heart, as linear maps of the potential on its surface."""

    matrix: np.ndarray
    """[torso node, heart node] 1; rows sum to one."""
    normal_derivative: np.ndarray
    """du/dn on the heart, along the heart's outward normal: [heart node, heart node] 1/mm; rows sum
    to zero."""


def heart_to_torso(
    heart: tuple[np.ndarray, np.ndarray],
    torso: tuple[np.ndarray, np.ndarray],
    inclusions: Sequence[Inclusion] = (),
    conductivity: float = 1.0,
) -> BemTransfer:
    """Potentials on the skin of an insulated torso from those on a closed surface in it.

    All sources lie inside the heart's surface. In a homogeneous torso the conductivity cancels.

    Args:
        heart: points [heart node, 3] mm and faces [face, 3] of a closed surface.
        torso: points [torso node, 3] mm and faces [face, 3] of the skin.
        inclusions: bodies such as lungs, inside the torso and outside the heart.
        conductivity: of the torso, mS/mm; only its ratio to the inclusions' values matters.

    Returns:
        The transfer matrix and the matrix of the normal derivative.

    Raises:
        BadInput: surfaces that are not closed, or not inside each other; see
            `bem.bem_body.BemBody`.
    """
    cavity = Inclusion(
        *heart, conductivity=0.0, name="heart"
    )  # what is inside the heart is not part of the torso
    body = BemBody(torso, conductivity, [*inclusions, cavity])
    held, single = body.parts[-1], conductivity * body.layers[-1].single
    matrix = body.double_layer_matrix
    n_free = held.start
    # K phi = -sigma V du/dn; unknowns are phi on skin and inclusions, and du/dn on the heart
    system = np.hstack([matrix[:, :n_free], single])
    found = solve(system, -matrix[:, held], overwrite_a=True, overwrite_b=True)
    return BemTransfer(found[body.parts[0]], found[n_free:])
