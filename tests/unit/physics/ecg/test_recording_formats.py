"""Every format and quirk gives the samples of its source, lead by lead; damaged files are named."""

import numpy as np
import pytest
from helpers.recording_cases import READ
from helpers.recording_faults import REFUSED
from helpers.recording_source import source

from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.recordings.read import read_recording


@pytest.mark.parametrize("case", READ, ids=lambda case: case.name)
def test_samples_are_those_of_the_source(case, tmp_path):
    made = source()
    found = read_recording(case.write(tmp_path, made), case.declared)
    difference = case.difference(found, made)
    wrong = dict(zip(LEADS, difference > case.tolerance_mv))
    assert not any(wrong.values()), (wrong, difference, found.notes)
    said = "; ".join(found.notes)
    assert case.note in said if case.note else not said


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_damaged_files_are_named_with_cause_and_remedy(case, tmp_path):
    path = case.write(tmp_path, source())
    with pytest.raises(BadInput) as raised:
        read_recording(path, case.declared)
    assert not case.flaws(str(raised.value), path), str(raised.value)


def test_leads_of_the_source_differ():
    """So that an exchange, a sign, or a factor of a lead fails."""
    rows = source().mv
    for k, row in enumerate(rows):
        others = np.delete(rows, k, axis=0)
        assert min(np.abs(others - row).max(axis=1).min(), np.abs(row).max()) > 0.1
