"""The inverse problem of Zhu 2025: an Aliev-Panfilov wave on the heart's surface, seen through it.

The same surface and transfer matrix make the data and are given to the method, and a method that
knows the equation may know it exactly: figures of this problem are upper bounds.
`Experiment` can take the crime back in parts: other parameters than the method assumes, another
Laplacian, geometry that is off.

Zhu, Bilchick, Xie, Sci Rep 15:31747 (2025), doi:10.1038/s41598-025-15687-1, section IV. It does not
state the time step (here 0.1, so that 661 steps hold a whole action potential), the pacing site
(here the apex), nor how the 1,094 nodes were made.
"""

from dataclasses import asdict, dataclass, field

import numpy as np
import scipy.sparse as sp

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.seeds import generator
from einthoven.base.geometry.surface_operators import (
    cotangent_laplacian,
    lumped_areas,
    neighbour_laplacian,
)
from einthoven.base.metrics.activation_times import crossing_times
from einthoven.inverse.synthetic.known_problem import KnownProblem
from einthoven.inverse.synthetic.misfit import Misfit
from einthoven.numerics.bem.transfer import heart_to_torso
from einthoven.physics.electrophysiology.aliev_panfilov import AlievPanfilov, Stimulus, simulate

LAPLACIANS = {"neighbour": neighbour_laplacian, "cotangent": cotangent_laplacian}
"""That of eq. (15), and linear elements."""
LEVEL = 0.5
"""Of u, whose first crossing is the activation."""
N_HEART, N_TORSO, N_TIME, STEP = 1094, 352, 661, 0.1
"""The paper's numbers of nodes and samples, and our time step."""

Surface = tuple[np.ndarray, np.ndarray]
"""points [node, 3] mm and faces [face, 3], closed."""


@dataclass(frozen=True)
class Experiment:
    """What happens on the heart, and what is wrong with the geometry that the method is given.

    Attributes:
        model: parameters of the wave; methods assume those of `AlievPanfilov()`.
        laplacian: of the wave, 'neighbour' or 'cotangent'.
        n_sites: stimulated at time zero.
        radius_mm: within this from a site all nodes are stimulated.
        misfit: of heart and torso.
        seed: of the sites; None: one, the apex.
    """

    model: AlievPanfilov = field(default_factory=AlievPanfilov)
    laplacian: str = "neighbour"
    n_sites: int = 1
    radius_mm: float = 12.0
    misfit: Misfit = field(default_factory=Misfit)
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.laplacian not in LAPLACIANS:
            raise BadInput(f"laplacian = {self.laplacian!r}: choose {' or '.join(LAPLACIANS)}")
        check.between("n_sites", self.n_sites, 1, 20)
        check.between("radius_mm", self.radius_mm, 1.0, 50.0)
        if self.n_sites > 1 and self.seed is None:
            raise BadInput("seed: sites other than the apex are drawn; give one")

    def sites(self, heart: Surface) -> np.ndarray:
        """Nodes that are stimulated: [site]; the apex, or drawn uniformly by area."""
        points, faces = heart
        area = lumped_areas(points, faces) / lumped_areas(points, faces).sum()
        if self.seed is None:  # of a heart without its atria, the apex is farthest from the middle
            return np.linalg.norm(points - area @ points, axis=1).argmax()[None]
        rng = generator(self.seed, "pacing sites")
        return rng.choice(len(points), size=self.n_sites, replace=False, p=area)


APEX = Experiment()
"""The paper's parameters, one site."""


def paper_problem(
    heart: Surface,
    torso: Surface,
    experiment: Experiment = APEX,
    time: np.ndarray | None = None,
) -> KnownProblem:
    """The paper's problem on a heart and a torso.

    Args:
        heart: points [node, 3] mm and faces, closed.
        torso: the same of the skin; each of its nodes is an electrode.
        experiment: the wave and the misfit.
        time: [time] without unit; None: 661 steps of 0.1.

    Returns:
        u without unit, 0 at rest to 1, and its image on the torso; times without unit.

    Raises:
        BadInput: surfaces that are not closed or not inside each other; a wave that leaves nodes
            at rest.
    """
    time = STEP * np.arange(N_TIME) if time is None else np.asarray(time, float)
    true = heart_to_torso(heart, torso).matrix
    sites = experiment.sites(heart)
    u = _wave(heart, sites, experiment, time)
    activation = crossing_times(u, time, LEVEL)
    if missed := int(np.isnan(activation).sum()):
        raise BadInput(
            f"time: ends before {missed} of {len(u)} nodes are activated, or the wave dies out "
            f"with {experiment.model}"
        )
    misfit, (skin, faces) = experiment.misfit, torso
    skin, electrodes = misfit.torso(skin, skin)
    moved = heart[0] + misfit.shift
    off = misfit.heart_mm != 0 or misfit.torso_mm != 0
    return KnownProblem(
        name="paper",
        heart_points=moved,
        heart_faces=heart[1],
        torso_points=skin,
        torso_faces=faces,
        electrode_points=electrodes,
        transfer=heart_to_torso((moved, heart[1]), (skin, faces)).matrix if off else true,
        time=time,
        body_potentials=true @ u,
        potentials=u,
        activation_time=activation,
        sites=moved[sites],
        transmembrane=True,
        unit="1",
        time_unit="1",
        made={**asdict(experiment), "sites": sites.tolist()},
    )


def _wave(
    heart: Surface, sites: np.ndarray, experiment: Experiment, time: np.ndarray
) -> np.ndarray:
    """U [node, time] from discs about the sites."""
    points = heart[0]
    distance = np.linalg.norm(points[:, None] - points[sites][None], axis=2)
    stimulus = Stimulus(np.flatnonzero((distance <= experiment.radius_mm).any(axis=1)), time[0])
    laplacian: sp.csr_array = LAPLACIANS[experiment.laplacian](*heart)
    return simulate(laplacian, [stimulus], time, experiment.model).u
