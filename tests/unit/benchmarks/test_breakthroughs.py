"""Epicardial breakthroughs of a wave whose arrival times are a closed form."""

import numpy as np
import pytest
from breakthroughs import epicardial_arrival
from helpers.heart import heart_patient

from einthoven.base.core.tags import Surface
from einthoven.body.fibers.coordinates import ventricular_coordinates
from einthoven.data.patient.stages import Activation

SPEED = 0.5


def test_on_a_heart():
    """Two sources on the epicardium are the breakthroughs; the front of the RV is distinguished."""
    bare = heart_patient()
    patient = bare.with_stages(ventricular_coordinates(bare))
    heart, place = patient.heart, patient.coordinates
    nodes = heart.surface_nodes(Surface.EPI)
    rv = nodes[(place.uvc_nu[nodes] > 0) & (place.uvc_z[nodes] < 0.8)]
    lv = nodes[(place.uvc_nu[nodes] < 0) & (place.uvc_z[nodes] < 0.8)]
    front, apart_from = rv[heart.points[rv, 1].argmin()], lv[heart.points[lv, 1].argmax()]
    sources = heart.points[[front, apart_from]]
    distance = np.linalg.norm(heart.points[:, None] - sources[None], axis=2)
    time = (np.array([17.0, 25.0]) + distance / SPEED).min(axis=1).astype(np.float32)
    activation = Activation(
        patient=patient.name, scenario="sinus", activation_time=time,
        source_nodes=np.array([front]), source_times=np.array([17.0]),
    )  # fmt: skip
    found = epicardial_arrival(patient, activation)
    assert [b.node for b in found.breakthroughs] == [front, apart_from]
    assert [b.on_anterior_rv for b in found.breakthroughs] == [True, False]
    assert found.first_anterior_rv_ms == 17.0
    assert found.latest_ms == time[nodes].max()
    assert all(np.linalg.norm(b.normal) == pytest.approx(1) for b in found.breakthroughs)
    none = epicardial_arrival(patient, activation, prominence_ms=np.inf)
    assert len(none.breakthroughs) == 1
