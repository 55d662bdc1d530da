"""Captions of the section with ECGs."""

from dataclasses import fields

import pytest

from einthoven.app.report.ecg import why_no_p_wave
from einthoven.base.config.atria import AtriaSettings
from einthoven.base.config.section import builtins_of
from einthoven.data.patient.stages import Ecg

WITH_ATRIA = builtins_of(AtriaSettings(enabled=True))


def ecg_with(atria) -> Ecg:
    values = dict.fromkeys((field.name for field in fields(Ecg)), None)
    return Ecg(**{**values, "patient": "p0000", "atria": atria})


@pytest.mark.parametrize(
    "atria, scenario, words",
    [
        (None, "sinus", "atria are not simulated"),
        (WITH_ATRIA, "sinus", ""),
        (WITH_ATRIA, "lbbb", ""),
        (WITH_ATRIA, "rv-pacing", "does not start in the sinus node"),
    ],
)
def test_captions_say_why_there_is_no_p_wave(atria, scenario, words):
    said = why_no_p_wave(ecg_with(atria), scenario)
    assert words in said and bool(said) == bool(words)
