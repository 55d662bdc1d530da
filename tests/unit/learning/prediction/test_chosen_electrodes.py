"""Electrodes for which leads are predicted, by name or from a file."""

import pytest

from einthoven.base.config import Config
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.learning.prediction.prepare import chosen_electrodes


def test_v7_to_v9_come_last_when_asked_and_once(tmp_path):
    config = Config()
    anatomy = build_anatomy(draw_patient(0, config.cohort), config.anatomy)
    usual = chosen_electrodes(anatomy, 2)
    names = chosen_electrodes(anatomy, 2, posterior=True).names.tolist()
    assert names == [*usual.names.tolist(), "V7", "V8", "V9"]
    assert usual.names.tolist()[:9] == list(STANDARD_ELECTRODES)
    x, y, z = anatomy.twelve_lead_electrodes.points[8]
    (tmp_path / "mine.csv").write_text(f"name,x,y,z\nV8,{x},{y},{z}\n")
    with pytest.raises(BadInput, match=r"mine.csv: electrodes with --posterior: V8 given more"):
        chosen_electrodes(anatomy, 0, tmp_path / "mine.csv", posterior=True)
