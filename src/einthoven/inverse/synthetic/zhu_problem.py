"""The inverse problem of Zhu 2025: an Aliev-Panfilov wave on the heart's surface.

The same surface and transfer matrix make the data and are input of the method, and a method that
has the equation may have it exactly: figures of this problem are upper bounds. Other parameters of
the wave and a misplaced heart take part of that inverse crime back.

The publication does not state the time step (here 0.1, so that 661 steps hold a whole action
potential), the pacing site (here the apex), nor how the 1,094 nodes were made.

References:
    Zhu, Bilchick, Xie, Sci Rep 15:31747 (2025), doi:10.1038/s41598-025-15687-1, section IV.
"""

from dataclasses import asdict

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.surface_operators import lumped_areas, neighbour_laplacian
from einthoven.base.metrics.activation_times import crossing_times
from einthoven.inverse.synthetic.known_problem import KnownProblem
from einthoven.numerics.bem.transfer import heart_to_torso
from einthoven.physics.electrophysiology.aliev_panfilov import AlievPanfilov, Stimulus, simulate

LEVEL = 0.5
"""Value of u whose first crossing is the activation."""
RADIUS_MM = 12.0
"""Radius of the stimulated disc."""
N_HEART, N_TIME, STEP = 1094, 661, 0.1
"""Nodes and samples of Zhu 2025, and our time step."""

Surface = tuple[np.ndarray, np.ndarray]
"""points [node, 3] mm and faces [face, 3], closed."""


def zhu_problem(
    heart: Surface,
    torso: Surface,
    model: AlievPanfilov | None = None,
    time: np.ndarray | None = None,
    heart_shift: np.ndarray | None = None,
) -> KnownProblem:
    """Problem of Zhu 2025 on a heart and a torso, paced at the apex at time zero.

    Args:
        heart: points [node, 3] mm and faces, closed.
        torso: the same of the skin; each of its nodes is an electrode.
        model: parameters of the wave; None: those that methods assume.
        time: [time] dimensionless; None: 661 steps of 0.1.
        heart_shift: [3] mm, error of the heart's place in what the method gets; None: no error.

    Returns:
        u, dimensionless from 0 at rest to 1, and its image on the torso; dimensionless times.

    Raises:
        BadInput: surfaces that are not closed or not inside each other; a wave that leaves nodes
            at rest.
    """
    time = STEP * np.arange(N_TIME) if time is None else np.asarray(time, float)
    model = model or AlievPanfilov()
    true = heart_to_torso(heart, torso).matrix
    site = apex(heart)
    u = _wave(heart, site, model, time)
    activation = crossing_times(u, time, LEVEL)
    if missed := int(np.isnan(activation).sum()):
        raise BadInput(
            f"time: ends before {missed} of {len(u)} nodes are activated, or the wave dies out "
            f"with {model}; take more samples, or other parameters"
        )
    assumed, transfer = heart[0], true
    if heart_shift is not None and heart_shift.any():
        assumed = heart[0] + heart_shift
        transfer = heart_to_torso((assumed, heart[1]), torso).matrix
    return KnownProblem(
        name="paper",
        heart_points=assumed,
        heart_faces=heart[1],
        torso_points=torso[0],
        torso_faces=torso[1],
        electrode_points=torso[0],
        transfer=transfer,
        time=time,
        body_potentials=true @ u,
        potentials=u,
        activation_time=activation,
        sites=assumed[[site]],
        transmembrane=True,
        unit="1",
        time_unit="1",
        made={"model": asdict(model), "site": site},
    )


def apex(heart: Surface) -> int:
    """Node farthest from the centroid by area: the apex of a heart without its atria."""
    points, area = heart[0], lumped_areas(*heart)
    share = area / area.sum()
    return int(np.linalg.norm(points - share @ points, axis=1).argmax())


def _wave(heart: Surface, site: int, model: AlievPanfilov, time: np.ndarray) -> np.ndarray:
    """u: [node, time], of a stimulated disc about a node."""
    distance = np.linalg.norm(heart[0] - heart[0][site], axis=1)
    stimulus = Stimulus(np.flatnonzero(distance <= RADIUS_MM), time[0])
    return simulate(neighbour_laplacian(*heart), [stimulus], time, model).u
