"""Recomputation of ECGs with P waves from what a store holds."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.fem import ball_in_ball, with_fibers
from helpers.heart import heart_patient

from einthoven.app.analysis.recomputation import computable, potential_faults
from einthoven.base.config.atria import OFF, AtriaSettings
from einthoven.base.config.models import EcgSettings, LeadFieldSettings
from einthoven.base.config.section import builtins_of
from einthoven.base.core.tags import Surface
from einthoven.data.patient.leadfields import LeadFields
from einthoven.data.patient.stages import Activation
from einthoven.physics.ecg.p_wave import AtrialWave
from einthoven.physics.ecg.simulate import HOMOGENEOUS, SimulationSettings, reference_ecg

ON = AtriaSettings(enabled=True)
PLACES = 100.0 * np.array(
    [[-0.6, -0.8, 0.0], [0.6, -0.8, 0.0], [0.0, 0.6, -0.8], [-0.28, -0.96, 0.0], [0.0, -1.0, 0.0],
     [0.28, -0.96, 0.0], [0.6, -0.8, 0.0], [0.8, -0.6, 0.0], [1.0, 0.0, 0.0]]
)  # fmt: skip


@pytest.fixture
def patient(monkeypatch):
    """A ball with a heart, small atria beside it, and an ECG of a sinus and a paced beat."""
    wave = AtrialWave.of(heart_patient().heart, ON)
    wall = wave.wall.muscle
    middle = wall.points.mean(axis=0)
    small = replace(wall, points=0.25 * (wall.points - middle) + np.array([0.0, 0.0, 65.0]))

    def beside(_, settings):
        return replace(wave, wall=replace(wave.wall, muscle=small), settings=settings)

    monkeypatch.setattr("einthoven.physics.ecg.p_wave.AtrialWave.of", beside)
    mesh = ball_in_ball()
    tags = [Surface.EPI, Surface.LV_ENDO, Surface.BASE]
    mesh = replace(
        mesh,
        facets=np.concatenate([mesh.facets, np.repeat(mesh.cells[:1, :3], 3, axis=0)]),
        facet_tags=np.concatenate([mesh.facet_tags, np.array(tags, mesh.facet_tags.dtype)]),
    )
    f0 = np.tile([1.0, 0.0, 0.0], (mesh.n_heart_cells, 1))
    names = np.array(["RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6"])
    fields = LeadFields(
        patient="ball", electrode_names=names, electrode_points=PLACES, residual=np.zeros(9),
        lead_field=1.0 / np.linalg.norm(1.5 * PLACES[:, None] - mesh.points, axis=2),
    )  # fmt: skip
    tau = mesh.points[: mesh.n_heart_nodes, 0]
    beats = [Activation(patient="ball", scenario=name, activation_time=tau - tau.min(),
                        source_nodes=np.zeros(1, int), source_times=np.zeros(1))
             for name in ("sinus", "crt")]  # fmt: skip
    whole = with_fibers(mesh, f0).with_stages(fields, *beats)
    settings = SimulationSettings(EcgSettings(), LeadFieldSettings(), HOMOGENEOUS, ON)
    return whole.with_stages(reference_ecg(whole, fields, beats, settings))


def test_potentials_with_p_waves_are_computed_again(patient):
    assert computable(patient) == ["sinus", "crt"]
    assert not list(potential_faults(patient, LeadFieldSettings(), whole=True))
    late = {**builtins_of(ON), "av_delay_ms": 130.0}
    other = patient.with_stages(replace(patient.ecg, atria=late))
    faults = [text for _, text in potential_faults(other, LeadFieldSettings(), whole=True)]
    assert faults and all(text.startswith("sinus") for text in faults)


def test_p_waves_need_lead_fields_of_the_whole_body():
    def stored(atria, n_kept):
        ecg = SimpleNamespace(atria_settings=atria, scenario=np.array(["sinus", "crt"]))
        fields = SimpleNamespace(lead_field=np.zeros((9, n_kept)))
        return SimpleNamespace(
            ecg=ecg, lead_fields=fields, mesh=SimpleNamespace(points=np.zeros((50, 3)))
        )

    assert computable(stored(ON, 40)) == ["crt"]
    assert computable(stored(ON, 50)) == ["sinus", "crt"]
    assert computable(stored(OFF, 40)) == ["sinus", "crt"]
