"""Delineation against cardiologists' marks and diagnoses; needs the data of LUDB and PTB-XL."""

import pytest
from delineation import OURS, blocks, errors_of, healthy, summary
from delineation_marks import ludb, ptb_xl
from helpers.imported_hearts import data_file

from einthoven.physics.ecg.recordings.aligned import averaged_beat
from einthoven.physics.ecg.recordings.wfdb import read_wfdb

LIMITS_MS = {"qrs_onset_ms": (4.0, 6.5), "qrs_end_ms": (4.0, 11.6), "t_end_ms": (8.0, 30.6)}
"""Largest mean error and SD, the latter of the CSE study."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def marked():
    return list(ludb(data_file("ludb")))


@pytest.fixture(scope="module")
def people():
    known = [p for p in ptb_xl(data_file("ptb-xl")) if p.is_healthy_adult or "CLBBB" in p.codes]
    return [(person, averaged_beat(read_wfdb(person.path))) for person in known]


@pytest.mark.parametrize("half", ["tuned", "held_out"])
def test_ends_are_those_of_readers(marked, half):
    found = summary(errors_of(one, ())[OURS] for one in marked if one.half == half)
    for name, (mean, sd) in LIMITS_MS.items():
        assert found[name]["n"] >= 45
        assert abs(found[name]["mean"]) <= mean, name
        assert found[name]["sd"] <= sd, name


def test_complete_blocks_are_broad(people):
    found = blocks(data_file("ludb"), people)
    assert found["n"] >= 8 and found["share"] >= 0.95


def test_healthy_adults_are_inside_their_limits_and_have_no_spikes(people):
    found = healthy(people, "held_out")
    assert found["n"] > 60 and not found["failed"]
    assert found["share_inside"] >= 0.95 and found["worst"] >= 0.85
    assert not [p.path.stem for p, beat in people if p.is_healthy_adult and beat.n_spikes]


def test_paced_beats_are_measured_after_their_spikes(marked):
    """Biventricular and atrial pacing on the tuned half; a QRS of 8 ms was a spike."""
    from einthoven.physics.ecg.beats import representative_beat
    from einthoven.physics.ecg.delineation.delineate import delineate
    from einthoven.physics.ecg.recordings.aligned import resampled

    paced = {one.number: one for one in marked if one.row["Cardiac pacing"].strip()}
    for number in (45, 93):
        beat = representative_beat(resampled(paced[number].ecg, 500.0), 1000.0)
        assert beat.n_spikes >= 9
        assert delineate(beat.ecg, beat.time, beat.rr_ms).qrs_ms > 140
