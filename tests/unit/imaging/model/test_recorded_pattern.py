"""Patterns of recordings: features, rules of reporting, thresholds, and labels of people."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from fit_recorded_pattern import (
    CLASSES,
    FitPeople,
    fitted_classifier,
    healthy_distribution,
    threshold,
)
from helpers.ecg import COMPLEXES, synthetic_beat
from helpers.imported_hearts import data_file
from recorded_patterns import ToldRecording, figures

from einthoven.app.evaluation.labelled_recordings import (
    LabelledRecording,
    conduction_of_codes,
    read_labelled,
)
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS
from einthoven.base.metrics.shares import wilson
from einthoven.imaging.model.recorded_features import (
    CONDUCTION_FEATURES,
    beat_shape,
    conduction_shape,
)
from einthoven.imaging.model.recorded_pattern import (
    SHIPPED,
    RecordedPatterns,
    paced_share,
    shipped_patterns,
)
from einthoven.physics.ecg.delineation.delineate import delineate
from einthoven.physics.ecg.recordings.aligned import aligned_beat
from einthoven.physics.ecg.recordings.recording import Recording

LATE_LEFT = {
    "I": ((150, 0.9),), "II": ((150, 0.6),), "V1": ((20, 0.1), (130, -1.6)),
    "V2": ((20, 0.2), (130, -2.2)), "V3": ((30, 0.3), (120, -1.8)), "V4": ((150, 0.5),),
    "V5": ((150, 1.1),), "V6": ((150, 1.2),),
}  # fmt: skip
LATE_RIGHT = {
    "I": ((60, 0.8), (90, -0.35)), "II": ((60, 0.7), (90, -0.2)),
    "V1": ((25, 0.2), (30, -0.3), (95, 0.9)), "V2": ((30, 0.4), (35, -0.8), (85, 0.6)),
    "V3": ((50, 0.8), (100, -0.4)), "V4": ((60, 1.2), (90, -0.3)), "V5": ((60, 1.3), (90, -0.35)),
    "V6": ((60, 1.1), (90, -0.35)),
}  # fmt: skip
"""Leads of complete bundle branch blocks by the textbook: activation is late on that side."""


def beat_of(complexes=COMPLEXES, scale=1.0):
    time = np.arange(0.0, 8000.0)
    rhythm = sum(
        synthetic_beat(time, onset=1000.0 * k + 300, complexes=complexes) for k in range(8)
    )
    leads = dict(zip(LEADS, scale * rhythm))
    return aligned_beat(Recording.of_leads("rhythm", leads, 1000.0))


@pytest.fixture(scope="module")
def beats():
    return {name: beat_of(waves) for name, waves in
            (("sinus", COMPLEXES), ("lbbb", LATE_LEFT), ("rbbb", LATE_RIGHT))}  # fmt: skip


@pytest.mark.parametrize("name", ["sinus", "lbbb", "rbbb"])
def test_textbook_beats_are_named(beats, name):
    found = shipped_patterns().pattern(beats[name])
    assert found.pattern == name and found.chances[name] > 0.5
    assert found.note.startswith("pattern: ") and "probability" in found.note
    assert sum(found.chances.values()) == pytest.approx(1.0)


def test_blocks_are_unlike_healthy_people(beats):
    assert not shipped_patterns().check(beats["lbbb"]).in_distribution
    assert not shipped_patterns().check(beats["rbbb"]).in_distribution


def shapes_of(beat, scale=1.0):
    found = delineate(scale * beat.ecg, beat.time)
    return (beat_shape(scale * beat.ecg, beat.time, found, 1000.0),
            conduction_shape(scale * beat.ecg, beat.time, found))  # fmt: skip


def test_features_scale_as_they_should(beats):
    """Twice the voltage: no other conduction, and means that are larger by the root of two."""
    for beat in beats.values():
        (whole, conduction), (larger, same) = shapes_of(beat), shapes_of(beat, 2.0)
        assert same == pytest.approx(conduction, abs=0.02 * max(1.0, conduction[0]))
        assert larger[:-1] == pytest.approx(np.sqrt(2.0) * whole[:-1], abs=0.05)
        assert len(conduction) == len(CONDUCTION_FEATURES)


def test_a_broad_qrs_is_never_sinus_and_a_narrow_one_never_a_complete_block(beats):
    patterns = shipped_patterns()
    sure = replace(patterns, weights=np.zeros_like(patterns.weights))
    for k, name in enumerate(("sinus", "lbbb", "rbbb")):
        told = replace(sure, intercepts=10.0 * np.eye(len(CLASSES))[k])
        narrow, broad = told.pattern(beats["sinus"]), told.pattern(beats["lbbb"])
        assert (narrow.pattern, broad.pattern) == (
            ("sinus", None) if name == "sinus" else (None, name)
        )
        none = broad if name == "sinus" else narrow
        assert "not reported" in none.note and "QRS of" in none.note


def test_what_is_not_calibrated_or_not_likely_enough_is_not_reported(beats):
    patterns = shipped_patterns()
    none = replace(patterns, thresholds=dict.fromkeys(patterns.thresholds))
    assert none.pattern(beats["sinus"]).pattern is None
    assert "too few labelled recordings" in none.pattern(beats["sinus"]).note
    high = replace(patterns, thresholds=dict.fromkeys(patterns.thresholds, 1.1))
    assert "are needed" in high.pattern(beats["lbbb"]).note
    other = replace(patterns, weights=np.zeros_like(patterns.weights),
                    intercepts=np.array([0.0, 0.0, 0.0, 5.0]))  # fmt: skip
    assert "another conduction disturbance" in other.pattern(beats["sinus"]).note


def with_spikes(beat, before_ms):
    """The beat of a recording in which a spike precedes each QRS onset."""
    spikes = beat.source.peaks_ms + beat.delineation.onset_ms - before_ms
    return replace(beat, source=replace(beat.source, spikes_ms=spikes))


def test_paced_is_said_of_ventricular_spikes_alone(beats):
    patterns, beat = shipped_patterns(), beats["sinus"]
    assert paced_share(beat) == 0.0
    paced = with_spikes(beat, 20.0)
    assert paced_share(paced) == 1.0 and patterns.pattern(paced).pattern == "paced"
    check = patterns.check(paced)
    assert not check.in_distribution and "paced_share" in check.reasons[-1]
    atrial = with_spikes(beat, 200.0)
    assert paced_share(atrial) == 0.0 and patterns.pattern(atrial).pattern == "sinus"


def test_irregular_cycles_without_p_wave_are_no_sinus_rhythm(beats):
    beat = beats["sinus"]
    assert beat.delineation.p is None  # of these synthetic beats
    irregular = replace(beat, source=replace(beat.source, irregularity=0.2))
    found = shipped_patterns().pattern(irregular)
    assert found.pattern is None and "irregular" in found.note


def test_files_of_another_kind_are_refused(tmp_path):
    data = json.loads(SHIPPED.read_text())
    for broken in ({}, data | {"thresholds": {"sinus": 0.5}}, data | {"healthy": {"mean": [1.0]}}):
        (tmp_path / "p.json").write_text(json.dumps(broken))
        with pytest.raises(BadInput, match="make it again"):
            RecordedPatterns.load(tmp_path / "p.json")


def test_distance_of_further_healthy_beats_is_about_one_in_any_unit():
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(6, 6))
    fitted, fresh = rng.normal(size=(2, 4000, 6)) @ mix
    found = healthy_distribution(fitted)
    distances = np.array([found.distance(row) for row in fresh])
    assert np.sqrt((distances**2).mean()) == pytest.approx(1.0, abs=0.03)
    units = np.array([1.0, 1e3, 1e-3, 10.0, 5.0, 0.1])
    scaled = healthy_distribution(fitted * units)
    assert [scaled.distance(row) for row in fresh[:20] * units] == pytest.approx(distances[:20])


def people_of(conductions, chances):
    """Fit people with labels, and a narrow QRS for sinus, a broad one for all else."""
    labels = [
        LabelledRecording("f", "ludb", str(k), conduction, False, False, "fit")
        for k, conduction in enumerate(conductions)
    ]
    people = FitPeople.__new__(FitPeople)
    people.labels, people.usable = labels, np.ones(len(labels), bool)
    people.conductions = np.where(np.argmax(chances, axis=1) == 0, 90.0, 150.0)[:, None]
    return people


def chances_of(pattern, values):
    rest = (1.0 - np.array(values)) / 3
    chances = np.repeat(rest[:, None], len(CLASSES), axis=1)
    chances[:, CLASSES.index(pattern)] = values
    return chances


def test_threshold_is_where_nearly_all_reports_are_right():
    values = np.linspace(0.5, 0.99, 50)
    wrong = np.where(values < 0.7, "other", "lbbb")
    chances = chances_of("lbbb", values)
    found = threshold(people_of(wrong, chances), chances, "lbbb")
    assert found["least"] == pytest.approx(0.7, abs=0.051)
    assert found["right"] >= 0.95 * found["reported"] and found["interval"][0] < 1.0
    none = threshold(people_of(["sinus"] * 50, chances), chances, "lbbb")
    assert none["least"] is None and none["interval"] == [0.0, 1.0]
    few = threshold(people_of(["lbbb"] * 2, chances[-2:]), chances[-2:], "lbbb")
    assert few["least"] is None, "two right reports calibrate nothing"


def test_classifier_of_the_file_is_that_of_the_fit():
    """The file's centre, scale, weights and intercepts give scikit-learn's probabilities."""
    rng = np.random.default_rng(0)
    classes = np.arange(200) % len(CLASSES)
    x = rng.normal(size=(200, len(CONDUCTION_FEATURES))) + classes[:, None]
    found = fitted_classifier(x, classes, 1.0)
    told = replace(shipped_patterns(), **found)
    best = [CLASSES.index(max(c := told.chances(row), key=c.get)) for row in x]
    assert np.mean(np.array(best) == classes) > 0.6


@pytest.mark.parametrize(
    ("codes", "report", "conduction"),
    [
        ({"CLBBB": 100.0}, "premature contraction(s). right bundle branch block.", "rbbb"),
        ({"IRBBB": 100.0}, "sinusrytm högersidigt skänkelblock", "rbbb"),
        ({"IRBBB": 100.0}, "unvollständiger Rechtsschenkelblock", "incomplete rbbb"),
        ({"ILBBB": 100.0}, "", "incomplete lbbb"),
        ({"PACE": 100.0}, "left bundle branch block", "paced"),
        ({"LAFB": 100.0, "NORM": 0.0}, "linksanteriorer hemiblock", "other"),
        ({"NORM": 100.0}, "sinusrhythmus normales ekg", "sinus"),
    ],
)
def test_reports_count_before_their_codes(codes, report, conduction):
    assert conduction_of_codes(codes, report) == conduction


def test_no_person_is_in_both_parts():
    folder = data_file("ptb-xl/ptbxl_database.csv").parents[1]
    fit, test = (read_labelled(folder, part) for part in ("fit", "test"))
    assert not {one.patient for one in fit} & {one.patient for one in test}
    assert len(fit) == 222 and sum(one.healthy for one in fit) == 101
    about = shipped_patterns().about
    assert about["people"] == len({one.patient for one in fit})
    percents = {one.infarct_percent for one in fit if one.infarct}
    assert percents == {0.0, 15.0, 35.0, 50.0, 80.0, 100.0}  # ischaemia alone is no infarct
    assert not any(one.infarct_percent for one in [*fit, *test] if not one.infarct)
    with pytest.raises(BadInput, match="one of fit, test"):
        read_labelled(folder, "all")


def test_wilson_is_the_closed_form():
    z, k, n = 1.959963984540054, 4, 5
    centre = (k / n + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(k / n * (1 - k / n) / n + z**2 / (4 * n**2))
    assert wilson(k, n) == pytest.approx((centre - half, centre + half))
    assert wilson(0, 0) == (0.0, 1.0)


def test_figures_count_what_they_say():
    label = SimpleNamespace(healthy=True, infarct=False, conduction="sinus", patient="a",
                            infarct_percent=0.0)  # fmt: skip
    infarct = SimpleNamespace(healthy=False, infarct=True, conduction="sinus", patient="b",
                              infarct_percent=35.0)  # fmt: skip
    block = SimpleNamespace(healthy=False, infarct=False, conduction="lbbb", patient="c",
                            infarct_percent=0.0)  # fmt: skip
    rows = [
        ToldRecording(label, "sinus", True, False, False, 0.1),
        ToldRecording(label, "not reported", True, True, True, 0.1),
        ToldRecording(label, "lbbb", False, True, False, 0.1),
        ToldRecording(infarct, "sinus", True, True, True, 0.1),
        ToldRecording(block, "lbbb", False, True, False, 0.3),
    ]
    found = figures(rows)
    counts = {name: (value["count"], value["of"]) for name, value in found.items()
              if isinstance(value, dict) and "of" in value}  # fmt: skip
    assert counts["in_distribution_share"] == (2, 3) == counts["like_simulations_share"]
    assert counts["likely_infarct_passed_share"] == (0, 0)
    assert found["passed_infarcts_percent"] == [35.0]
    assert counts["sinus_share_of_reported"] == (1, 2) and counts["founded_share"] == (1, 3)
    assert counts["infarct_passed_share"] == (1, 1)
    assert counts["lbbb_share_right"] == (1, 2) and counts["lbbb_share_found"] == (1, 1)
    assert found["rbbb_share_right"]["share"] is None
    assert found["confusion"]["lbbb"]["lbbb"] == 1 and found["seconds"]["longest"] == 0.3
