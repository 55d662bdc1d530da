"""Different activation maps of one heart with nearly one ECG, found among its simulated beats.

Twelve leads do not tell all of an activation (Grandits 2025, doi:10.1016/j.media.2025.103641). A
pair of beats whose ECGs are alike and whose maps are not is where to look; a twin fitted to the
ECG of one from the map of the other then gives two maps with one ECG.
"""

from typing import NamedTuple

import numpy as np

from einthoven.base.config.electrophysiology import ActivationSettings
from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import INDEPENDENT_ROWS, STANDARD_ELECTRODES
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.imaging.corpus.simulator import SimulatedBeat, Simulator
from einthoven.imaging.twin.forward import ForwardModel
from einthoven.imaging.twin.prior import TwinSettings
from einthoven.imaging.twin.wave import SPEEDS, WaveModel
from einthoven.imaging.twin.wave_twin import fit_twin
from einthoven.physics.ecg.beats import correlation
from einthoven.physics.ecg.leads import twelve_lead

FORWARD = "fem"
AFTER_QRS_MS = 15.0
"""Time after the last activation at which the fitted signal ends."""


class AmbiguousPair(NamedTuple):
    """Two beats of one heart."""

    first: int
    second: int
    ecg_difference: float
    """Norm of the difference of the ECGs over the geometric mean of their norms."""
    map_difference_ms: float
    """Mean absolute difference of the activation times."""


def most_alike(ecg: np.ndarray, maps: np.ndarray, least_ms: float) -> AmbiguousPair:
    """The two beats with the most similar ECGs among those whose maps differ by `least_ms`.

    Args:
        ecg: [beat, lead, time] mV, of one heart.
        maps: [beat, point] ms.
        least_ms: least mean absolute difference of the maps.

    Raises:
        BadInput: shapes that do not fit, NaN, or no two maps that differ so much.
    """
    flat = check.finite("ecg", check.shape("ecg", ecg, (len(maps), None, None)))
    flat = flat.reshape(len(maps), -1).astype(np.float64)
    between = np.abs(maps[:, None] - maps[None]).mean(axis=2)
    products = flat @ flat.T
    norms = np.sqrt(np.diag(products))
    squared = np.diag(products)[:, None] + np.diag(products)[None] - 2 * products
    difference = np.sqrt(np.maximum(squared, 0.0) / np.outer(norms, norms))
    difference[between < least_ms] = np.inf
    first, second = np.unravel_index(difference.argmin(), difference.shape)
    if not np.isfinite(difference[first, second]):
        raise BadInput(f"maps: no two of {len(maps)} differ by {least_ms:g} ms on average")
    return AmbiguousPair(int(first), int(second), float(difference[first, second]),
                float(between[first, second]))  # fmt: skip


class KnownHeart(NamedTuple):
    """A heart whose beats are simulated and fitted."""

    simulator: Simulator
    fields: LeadFieldGradients
    """Lead fields of the nine electrodes: the simulator's forward model fem."""
    sigma: LeadFieldSettings
    """Settings of the lead fields."""


class SecondMap(NamedTuple):
    """Another activation of a heart with nearly the ECG of a beat."""

    beat: SimulatedBeat
    """ECG with the cells and conductivities of the first beat and another activation."""
    ecg: np.ndarray
    """[12, 500] mV."""
    correlation: float
    """Difference of both QRS complexes, over all leads."""
    residual: float
    """Norm of the difference of the QRS complexes over that of the first."""
    map_difference_ms: float
    """Mean absolute difference of the activation times at the 75 points."""
    largest_difference_ms: float
    """At one of these points."""
    node_difference_ms: float
    """Mean absolute difference over all nodes."""


def second_map(
    heart: KnownHeart, first: SimulatedBeat, other: SimulatedBeat, settings: TwinSettings
) -> SecondMap:
    """A map near that of another beat whose ECG is that of the first.

    The twin starts at the other beat's activation and speeds, and its prior is what keeps it there;
    cells and conductivities are those of the first beat, so that nothing but the activation
    differs. Noise in the settings says how well the ECG must fit: less brings the ECGs together,
    and the maps too.

    Args:
        heart: of both beats.
        first: whose ECG it is. other: where the map is looked for. settings: of the twin.

    Raises:
        BadInput: as `fit_twin`.
    """
    case, simulator = first.case, heart.simulator
    patient = simulator.patient
    own = {"sigma_il_s_per_m": case.sigma_il, "sigma_it_s_per_m": case.sigma_it}
    time = np.arange(0.0, first.tau.max() + AFTER_QRS_MS)
    forward = ForwardModel.of(patient, heart.fields, heart.sigma.model_copy(update=own), time)
    ecg = ecg_of(first)
    wave = WaveModel(patient, _with_speeds(simulator.activation, other))
    twin = fit_twin(wave, forward, ecg[:, : len(time)], other.tau, settings)
    found = simulator.beat(case, twin.activation_time)
    qrs, fitted = (values[INDEPENDENT_ROWS, : len(time)] for values in (ecg, ecg_of(found)))
    apart = np.abs(found.activation_time - first.activation_time)
    return SecondMap(
        found, ecg_of(found), correlation(fitted, qrs),
        float(np.linalg.norm(fitted - qrs) / np.linalg.norm(qrs)), float(apart.mean()),
        float(apart.max()), float(np.abs(found.tau - first.tau).mean()),
    )  # fmt: skip


def ecg_of(beat: SimulatedBeat) -> np.ndarray:
    """[12, 500] mV by finite elements."""
    return twelve_lead(STANDARD_ELECTRODES, beat.potentials[FORWARD])


def _with_speeds(activation: ActivationSettings, beat: SimulatedBeat) -> ActivationSettings:
    """Settings with the speeds of a beat."""
    return activation.model_copy(
        update={f"{name}_mm_per_ms": getattr(beat.case, name) for name in SPEEDS}
    )
