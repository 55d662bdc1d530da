"""Bodies, priors and simulated beats of `fit_population.py`.

A body is a virtual patient's heart in its torso with another pose, size and electrode positions;
its lead fields are those of the shipped operator, as if the skin had moved about the heart.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from einthoven.base.config.models import Config
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS, STANDARD_ELECTRODES
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.closest import TriangleTree
from einthoven.body.anatomy.pose import rotation_about
from einthoven.data.patient.anatomy import Anatomy
from einthoven.data.patient.patient import Patient
from einthoven.imaging.corpus.beat_parameters import BeatParameters
from einthoven.imaging.corpus.simulator import Simulator
from einthoven.learning.prediction.pretrained import Pretrained
from einthoven.physics.ecg.delineation.delineate import delineate
from einthoven.physics.ecg.features import TRACE_MS, beat_features
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.electrophysiology.capture import WaveSources, first_arrival
from einthoven.physics.electrophysiology.eikonal import speed_tensor_sq
from einthoven.physics.electrophysiology.endocardium import UnitSpeedGraph
from einthoven.physics.electrophysiology.purkinje.purkinje_network import Network

BODIES = 8
"""Bodies of a heart; the first is the patient's own."""
POSE_SD = np.array([10, 8, 14, 8, 15, 7, 0.05, 10, 6, 0.3])
"""SD of alpha_x, alpha_y, alpha_z (deg), shifts left, up, front (mm), log of the torso's size,
precordial electrodes up and left (mm), log of the blood's conductivity about 0.5 S/m."""
ELECTRODE_SD_MM, LEAST_CLEARANCE_MM, USUAL_BLOOD = 5.0, 12.0, 0.5
LEAD_MS = np.arange(-60.0, 500.0)
"""Times about the first activation; the baseline comes before it."""


class Prior(NamedTuple):
    """Independent prior of a variable: normal, of the logarithm if `log`, within limits."""

    name: str
    log: bool
    centre: float
    sd: float
    low: float
    high: float


def _site(
    fascicle: str, z: float, phi: tuple[float, float], ms: tuple[float, float]
) -> list[Prior]:
    """Priors of an early site: height, angle (mean, SD in degrees) and time (mean, SD in ms)."""
    reach = 4 * phi[1]
    return [
        Prior(f"{fascicle}_z", False, z, 0.13, 0.15, 1.0),
        Prior(f"{fascicle}_phi_deg", False, *phi, phi[0] - reach, phi[0] + reach),
        Prior(f"{fascicle}_time_ms", False, *ms, -15.0, 40.0),
    ]


PRIORS = (
    *_site("anterior", 0.78, (45.0, 20.0), (3.0, 4.0)),
    *_site("septal", 0.58, (5.0, 20.0), (3.0, 4.0)),
    *_site("posterior", 0.42, (-40.0, 25.0), (5.0, 4.0)),
    *_site("right", 0.45, (35.0, 20.0), (14.0, 6.0)),
    *_site("right-septal", 0.38, (0.0, 25.0), (12.0, 6.0)),
    Prior("cv_fiber_mm_per_ms", True, 0.55, 0.20, 0.3, 0.95),
    Prior("cv_transverse_share", True, 0.52, 0.20, 0.3, 1.0),
    Prior("cv_lv_endocardium_mm_per_ms", True, 1.3, 0.28, 0.5, 3.0),
    Prior("cv_rv_endocardium_mm_per_ms", True, 1.1, 0.28, 0.5, 3.0),
    Prior("apd_mean_ms", False, 285.0, 22.0, 210.0, 380.0),
    Prior("apd_apex_to_base_ms", False, 60.0, 30.0, -40.0, 140.0),
    Prior("apd_anterior_to_posterior_ms", False, -10.0, 22.0, -90.0, 70.0),
    Prior("apd_rv_to_lv_ms", False, 5.0, 18.0, -60.0, 70.0),
    Prior("apd_endo_to_epi_ms", False, -35.0, 22.0, -110.0, 40.0),
    Prior("sigma_il_s_per_m", True, 0.216, 0.30, 0.12, 0.48),
    Prior("sigma_it_share", True, 0.10, 0.40, 0.045, 0.4),
)
"""Sites: Durrer 1970; speeds: Taggart 2000, Camps 2024; durations: Ramanathan 2006; see
docs/explanation/population.md. sigma_il stands for the overall amplitude as well."""
NAMES = tuple(prior.name for prior in PRIORS)
CYCLE = Prior("cycle_length_ms", True, 1000.0, 0.2, 500.0, 1600.0)
SITES = {"anterior": "lv", "septal": "lv", "posterior": "lv", "right": "rv", "right-septal": "rvs"}
_LOG = np.array([prior.log for prior in PRIORS])
_CENTRE, _SD, _LOW, _HIGH = (
    np.array([getattr(prior, key) for prior in PRIORS]) for key in ("centre", "sd", "low", "high")
)
AMPLITUDE = NAMES.index("sigma_il_s_per_m")


def values_of(unit: np.ndarray) -> np.ndarray:
    """Values [..., variable] within the limits, of standardised ones."""
    change = _SD * np.asarray(unit, float)
    values = np.where(_LOG, _CENTRE * np.exp(np.where(_LOG, change, 0.0)), _CENTRE + change)
    return np.clip(values, _LOW, _HIGH)


def draw_bodies(patient: Patient, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Lead fields of a patient's heart in `BODIES` bodies.

    Returns:
        [body, 9, cell, 3] kOhm/mm, [body, 10] standardised changes, as `POSE_SD`.
    """
    rng, model, usual = np.random.default_rng(seed), Pretrained.load(), Config().leadfield
    fields, changes = list[np.ndarray](), list[np.ndarray]()
    while len(fields) < BODIES:
        change = np.clip(rng.standard_normal(len(POSE_SD)), -2.2, 2.2) * bool(fields)
        alone = rng.normal(0.0, ELECTRODE_SD_MM, (9, 2)) * bool(fields)
        body, electrodes = _moved(patient.anatomy, change * POSE_SD, alone)
        near = patient.heart.points[::7]
        gap = TriangleTree(body.points, body.skin).closest(near).points - near
        if np.linalg.norm(gap, axis=1).min() < LEAST_CLEARANCE_MM:
            continue
        blood = USUAL_BLOOD * np.exp(change[-1] * POSE_SD[-1])
        sigma = usual.model_copy(update={"sigma_blood_s_per_m": float(blood)})
        moved = patient.with_stages(body)
        named = patient.anatomy.twelve_lead_electrodes._replace(points=electrodes)
        fields.append(model.predict(moved, named, sigma).heart_grad)
        changes.append(change)
    return np.array(fields), np.array(changes)


def _moved(anatomy: Anatomy, change: np.ndarray, alone: np.ndarray) -> tuple[Anatomy, np.ndarray]:
    """The body about the resting heart, and its nine electrodes [9, 3] mm."""
    turn, origin = anatomy.heart_rotation, anatomy.heart_origin
    own = rotation_about(2, change[2]) @ rotation_about(1, change[1]) @ rotation_about(0, change[0])
    shift = np.array([change[3], -change[5], change[4]])  # left, back, up

    def about_heart(points: np.ndarray) -> np.ndarray:
        return ((points - origin) * np.exp(change[6]) - shift) @ (turn @ own.T @ turn.T).T + origin

    skin, points = np.unique(anatomy.skin), anatomy.points.astype(float)
    points[skin] = about_heart(points[skin])
    named = anatomy.twelve_lead_electrodes
    on_chest = np.array([name.startswith("V") for name in named.names])
    places = named.points.astype(float)
    places[on_chest] += np.stack(
        [change[8] + alone[:, 0], np.zeros(9), change[7] + alone[:, 1]], axis=1
    )[on_chest]
    box = np.array([points[skin].min(axis=0), points[skin].max(axis=0)])
    body = replace(
        anatomy, points=points.astype(anatomy.points.dtype), torso_box=box,
        site_points=about_heart(anatomy.site_points),
        ground_point=about_heart(anatomy.ground_point),
    )  # fmt: skip
    return body, about_heart(anatomy.on_skin(places))


@dataclass(frozen=True, eq=False)
class HeartInBodies:
    """Simulator of beats of one heart in several bodies, from early sites without trees."""

    simulator: Simulator
    layers: UnitSpeedGraph
    nodes: dict[str, np.ndarray]

    @classmethod
    def of(cls, patient: Patient, fields: np.ndarray) -> "HeartInBodies":
        """A heart and its lead fields [body, 9, cell, 3]."""
        section = Config().activation.model_copy(update={"capture": False})
        bodies = {str(k): field for k, field in enumerate(fields)}
        wall, (lv, rv) = (
            patient.coordinates.uvc_nu,
            (patient.heart.surface_nodes(tag) for tag in (Surface.LV_ENDO, Surface.RV_ENDO)),
        )
        nodes = {"lv": lv[wall[lv] == -1], "rv": rv[wall[rv] == 1], "rvs": rv[wall[rv] == -1]}
        layers = UnitSpeedGraph.of(Network.without_trees(), patient, section)
        return cls(Simulator.of(patient, bodies, section), layers, nodes)

    def ecgs(self, unit: np.ndarray) -> Iterator[np.ndarray]:
        """Twelve leads [12, time] mV in each body, of standardised variables."""
        value = dict(zip(NAMES, values_of(unit)))
        place = self.simulator.patient.coordinates
        nodes = [
            among[place.distance(among, value[f"{name}_z"],
                                 float(np.radians(value[f"{name}_phi_deg"]))).argmin()]
            for name, side in SITES.items() for among in [self.nodes[side]]
        ]  # fmt: skip
        times = np.array([value[f"{name}_time_ms"] for name in SITES])
        fiber, along = value["cv_fiber_mm_per_ms"], value["sigma_il_s_per_m"]
        beat = BeatParameters(
            "paced-1",
            sites=(self.simulator.site_at(nodes[0]),),
            cv_fiber=fiber,
            cv_transverse=fiber * value["cv_transverse_share"],
            cv_lv_endocardium=value["cv_lv_endocardium_mm_per_ms"],
            cv_rv_endocardium=value["cv_rv_endocardium_mm_per_ms"],
            sigma_il=along,
            sigma_it=along * value["sigma_it_share"],
            apd_mean_ms=value["apd_mean_ms"],
            apex_to_base_ms=value["apd_apex_to_base_ms"],
            anterior_to_posterior_ms=value["apd_anterior_to_posterior_ms"],
            rv_to_lv_ms=value["apd_rv_to_lv_ms"],
            endo_to_epi_ms=value["apd_endo_to_epi_ms"],
        )
        tau = self._activation(beat, np.array(nodes), times - times.min())
        for potentials in self.simulator.beat(beat, tau).potentials.values():
            yield twelve_lead(STANDARD_ELECTRODES, potentials)

    def _activation(self, beat: BeatParameters, nodes: np.ndarray, times: np.ndarray) -> np.ndarray:
        simulator = self.simulator
        speeds = speed_tensor_sq(simulator.patient.fibers.f0, beat.cv_fiber, beat.cv_transverse)
        layers = self.layers.at((1.0, beat.cv_lv_endocardium, beat.cv_rv_endocardium))
        sources = WaveSources(nodes, times)
        tau = first_arrival(simulator.muscle.with_speeds(speeds), layers, sources).activation_time
        return tau - tau.min()


def measured(ecg: np.ndarray, time: np.ndarray = LEAD_MS) -> tuple[np.ndarray, np.ndarray] | None:
    """Trace [12, TRACE_MS] mV and features of a beat; None if it cannot be delineated."""
    if time is LEAD_MS:
        ecg = np.pad(ecg, ((0, 0), (len(LEAD_MS) - ecg.shape[1], 0)))
    try:
        found = delineate(ecg, time)
    except BadInput:
        return None
    level = np.array([[found.leads[name].baseline_mv] for name in LEADS])
    trace = np.array([np.interp(TRACE_MS, time - found.onset_ms, row) for row in ecg - level])
    return trace.astype(np.float32), np.array(list(beat_features(found).values()))
