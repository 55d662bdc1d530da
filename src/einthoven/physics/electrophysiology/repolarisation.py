"""Action-potential duration over the heart, which determines the direction of the T wave.

If all cells were alike, repolarisation would follow activation and every T wave would oppose its
QRS. In people it follows the local duration instead (Ramanathan et al., Proc. Natl. Acad. Sci.
103:6309, 2006, doi:10.1073/pnas.0601533103). The field is a sum of four gradients in ventricular
coordinates, as Camps et al. fit to T waves (Med. Image Anal. 100:103361, 2024,
doi:10.1016/j.media.2024.103361), smoothed by the coupling of cells.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from einthoven.base.config.electrophysiology import RepolarisationSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Surface
from einthoven.data.patient.heart import Heart
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import Activation
from einthoven.numerics.fem.assembly import stiffness
from einthoven.numerics.fem.laplace import solve_laplace
from einthoven.numerics.fem.solvers import make_solver
from einthoven.physics.electrophysiology.cells.condition import BASELINE, Condition
from einthoven.physics.electrophysiology.cells.family import apd90, family
from einthoven.physics.electrophysiology.cells.template import table

type Gradient = Callable[[Patient], np.ndarray]
"""Patient -> field from 0 to 1: [heart node]."""
type Field = Callable[[Patient, RepolarisationSettings], np.ndarray]
"""Patient and settings -> APD90 [heart node] ms."""


def apd90_field(
    patient: Patient, config: RepolarisationSettings, condition: Condition = BASELINE
) -> np.ndarray:
    """APD90 of each heart node, ms.

    Args:
        patient: with a mesh; for gradients also with ventricular coordinates.
        config: which field, and its gradients; both are durations at the baseline.
        condition: condition at which the same cells beat.

    Raises:
        BadInput: no coordinates, surfaces that do not fit, or an unknown condition.
        NotConverged: the linear solver failed.
    """
    durations = FIELDS[config.field](patient, config)
    if condition == BASELINE:
        return durations
    return np.interp(durations, family().apd90, family(condition).apd90)


def condition_of(activation: Activation) -> Condition:
    """Condition of the cells in the activation's scenario.

    Raises:
        BadInput: no action potentials were computed for it.
    """
    try:
        return Condition(activation.cycle_length_ms, activation.i_kr_factor)
    except BadInput as error:
        raise BadInput(f"scenario {activation.scenario}: {error}") from None


def template_apd90() -> float:
    """Duration of the template, ms."""
    return apd90(table()["time"], table()["v_m"])


def homogeneous(patient: Patient, config: RepolarisationSettings) -> np.ndarray:
    """The template's duration everywhere."""
    return np.full(len(patient.heart.points), template_apd90())


def gradients(patient: Patient, config: RepolarisationSettings) -> np.ndarray:
    """The mean plus four gradients, each of zero mean, smoothed, within the range of the family."""
    members, deviation = family().apd90, _deviation(patient, (
        (apicobasal, config.apex_to_base_ms),
        (anteroposterior, config.anterior_to_posterior_ms),
        (interventricular, config.rv_to_lv_ms),
        (transmural, config.endo_to_epi_ms),
    ))  # fmt: skip
    low, high = members[0] - config.mean_ms, members[-1] - config.mean_ms
    # clipped twice: diffusion keeps the range only where no tetrahedron is obtuse
    smoothed = smooth(patient.heart, np.clip(deviation, low, high), config.smoothing_mm)
    return config.mean_ms + np.clip(smoothed, low, high)


def plateau_field(patient: Patient, config: RepolarisationSettings) -> np.ndarray | None:
    """Share of the low plateau [heart node], 0 to 1; None if all plateaus are the template's.

    It is made like the durations: a mean and three gradients of zero mean, smoothed.

    Raises:
        BadInput, NotConverged: as `apd90_field`.
    """
    if not config.plateaus_differ:
        return None
    deviation = _deviation(patient, (
        (apicobasal, config.plateau_apex_to_base),
        (interventricular, config.plateau_rv_to_lv),
        (transmural, config.plateau_endo_to_epi),
    ))  # fmt: skip
    low, high = -config.plateau_mean, 1.0 - config.plateau_mean
    smoothed = smooth(patient.heart, np.clip(deviation, low, high), config.smoothing_mm)
    share: np.ndarray = np.clip(config.plateau_mean + smoothed, 0.0, 1.0)
    return share


def _deviation(patient: Patient, differences: Sequence[tuple[Gradient, float]]) -> np.ndarray:
    """Sum of gradients times differences, each of zero mean over the volume: [heart node]."""
    volumes = node_volumes(patient.heart)
    deviation = np.zeros(len(volumes))
    for gradient, difference in differences:
        if difference:
            coordinate = gradient(patient)
            deviation += difference * (coordinate - np.average(coordinate, weights=volumes))
    return deviation


@dataclass(frozen=True, eq=False)
class GradientFields:
    """The gradients of one heart, for many beats with other differences.

    The order is apex to base, anterior to posterior, RV to LV, endocardium to epicardium.
    """

    sharp: np.ndarray
    """[gradient, heart node] of zero mean over the volume, per unit of a difference."""
    smoothed: np.ndarray
    """[gradient, heart node] the same, levelled by the coupling of cells."""
    smoother: Callable[[np.ndarray], np.ndarray]
    """Field [heart node] -> levelled field."""

    @classmethod
    def of(cls, patient: Patient, smoothing_mm: float) -> Self:
        """The gradients of a patient with ventricular coordinates.

        Raises:
            BadInput, NotConverged: as `apd90_field`.
        """
        volumes, found = node_volumes(patient.heart), []
        for gradient in (apicobasal, anteroposterior, interventricular, transmural):
            coordinate = gradient(patient)
            found.append(coordinate - np.average(coordinate, weights=volumes))
        smoother = _smoother(patient.heart, smoothing_mm)
        return cls(np.array(found), np.array([smoother(row) for row in found]), smoother)

    def field(
        self, mean: float, differences: Mapping[int, float], limits: tuple[float, float]
    ) -> np.ndarray:
        """The mean plus gradients times differences within limits: [heart node].

        The limits count before and after levelling, as in `gradients`.
        """
        rows, by = list(differences), np.array(list(differences.values()))
        low, high = limits[0] - mean, limits[1] - mean
        sharp, levelled = by @ self.sharp[rows], by @ self.smoothed[rows]
        beyond = np.clip(sharp, low, high) - sharp
        if beyond.any():
            levelled = levelled + self.smoother(beyond)
        found: np.ndarray = mean + np.clip(levelled, low, high)
        return found


FIELDS: dict[str, Field] = {"homogeneous": homogeneous, "gradients": gradients}
"""Fields by `config.models.RepolarisationField`."""


def apicobasal(patient: Patient) -> np.ndarray:
    """Apicobasal field, 0 at the apex, 1 at the base: [heart node]."""
    return patient.coordinates.uvc_z.astype(float)


def anteroposterior(patient: Patient) -> np.ndarray:
    """Field from 0 on the anterior to 1 on the posterior (inferior) wall of the LV: [heart node].

    The angle about the long axis rotates from the septum to the anterior wall. Its sine is
    multiplied by the distance from the axis, because it is undefined on the axis itself.
    """
    heart = patient.heart
    offset = heart.points - heart.lv_base_centre
    radius = np.linalg.norm(offset - heart.height[:, None] * heart.long_axis, axis=1)
    in_lv = patient.coordinates.uvc_nu < 0
    anterior = radius * np.sin(patient.coordinates.uvc_phi) / radius[in_lv].max()
    return (1.0 - np.clip(anterior, -1.0, 1.0)) / 2.0


def interventricular(patient: Patient) -> np.ndarray:
    """Field, 0 in the RV's free wall, 1 in the LV with the septum: [heart node]."""
    return (1.0 - patient.coordinates.uvc_nu.astype(float)) / 2.0


def transmural(patient: Patient) -> np.ndarray:
    """Harmonic, 0 on both endocardia, 1 on the epicardium, so near 0 in the septum: [heart node].

    `uvc_rho` is one on the RV's side of the septum, where cells are endocardial too.
    """
    heart = patient.heart
    endo = np.union1d(heart.surface_nodes(Surface.LV_ENDO), heart.surface_nodes(Surface.RV_ENDO))
    epi = heart.surface_nodes(Surface.EPI)
    return solve_laplace(heart.points, heart.cells, [[(endo, 0.0), (epi, 1.0)]])[0]


def smooth(heart: Heart, values: np.ndarray, length_mm: float) -> np.ndarray:
    """One implicit step of diffusion, u - L^2 div grad u = `values` with no flux on the surface.

    It turns a step between two tissues into (1 - exp(-|x| / L) / 2), as electrotonic coupling does
    to a step in ionic currents with space constant L. The volume integral is preserved. values
    [node] in any unit; length 0 changes nothing.

    Raises:
        NotConverged: the linear solver failed.
    """
    if length_mm == 0 or not values.any():
        return values
    mass, matrix = _diffusion(heart, length_mm)
    return make_solver("auto", matrix, 1).solve((mass @ values)[:, None]).x[:, 0]


def _smoother(heart: Heart, length_mm: float) -> Callable[[np.ndarray], np.ndarray]:
    """`smooth` with a factor that many fields share."""
    if length_mm == 0:
        return lambda values: values
    mass, matrix = _diffusion(heart, length_mm)
    factor = splu(sp.csc_array(matrix))
    return lambda values: factor.solve(mass @ values)


def _diffusion(heart: Heart, length_mm: float) -> tuple[sp.sparray, sp.csr_array]:
    """Lumped mass, and the matrix of one implicit step."""
    mass = sp.diags_array(node_volumes(heart))
    squared_length = np.broadcast_to(length_mm**2 * np.eye(3), (len(heart.cells), 3, 3))
    return mass, sp.csr_array(mass + stiffness(heart.points, heart.cells, squared_length))


def node_volumes(heart: Heart) -> np.ndarray:
    """A quarter of each adjoining tetrahedron: [node] mm^3."""
    quarters = np.repeat(heart.volumes / 4.0, 4)
    return np.bincount(heart.cells.ravel(), quarters, minlength=len(heart.points))
