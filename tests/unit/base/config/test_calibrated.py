"""Draws of a calibrated population: the same person but for the physiology, by file."""

import numpy as np
import pytest

from einthoven.base.config import validate
from einthoven.base.config.calibrated import draw_of, is_left_out, read_draws, write_draws
from einthoven.base.config.people import CYCLE_LENGTH, shipped_people
from einthoven.base.config.traits import AGE, CANDIDATES_WIDER, person, person_of
from einthoven.base.core.errors import BadInput

PEOPLE = {"variation": {"people": True}, "purkinje": {"backend": "sites"}}


def test_candidates_have_the_same_age_and_cycle_length_and_a_physiology_each():
    first, *others = (person(1, "p0003", None, draw) for draw in range(6))
    assert first == person(1, "p0003")
    for other in others:
        assert other[AGE] == first[AGE] and other[CYCLE_LENGTH] == first[CYCLE_LENGTH]
        assert other.keys() == first.keys()
    assert len({one["cv_fiber_mm_per_ms"] for one in (first, *others)}) == 6
    assert len({one["plateau_mean"] for one in (first, *others)}) == 6
    assert person(1, "p0003", None, 2) == others[1] != person(1, "p0004", None, 2)


def test_a_wider_distribution_has_the_same_means_and_correlations():
    people = shipped_people()
    wide = people.wider(CANDIDATES_WIDER)
    np.testing.assert_array_equal(wide.mean, people.mean)
    spread = np.sqrt(np.diag(wide.covariance) / np.diag(people.covariance))
    np.testing.assert_allclose(spread, CANDIDATES_WIDER)
    apart = [one.covariance / np.sqrt(np.outer(*2 * [np.diag(one.covariance)]))
             for one in (people, wide)]  # fmt: skip
    np.testing.assert_allclose(*apart, atol=1e-12)


def test_a_file_names_the_draw_of_each_patient(tmp_path):
    file = tmp_path / "draws.csv"
    write_draws(file, {"p0001": 7, "p0000": 0})
    assert file.read_text() == "patient,draw\np0000,0\np0001,7\n"
    config = validate(PEOPLE | {"variation": {"people": True, "people_draws": str(file)}})
    assert person_of(config, "p0001") == person(1, "p0001", None, 7)
    assert person_of(config, "p0000") == person_of(validate(PEOPLE), "p0000")
    with pytest.raises(BadInput, match=r"draws.csv: names no draw of p0002; make it anew with"):
        person_of(config, "p0002")
    write_draws(file, {"p0002": 3})
    assert person_of(config, "p0002") == person(1, "p0002", None, 3)  # it was read again


def test_a_patient_that_is_left_out_has_no_draw(tmp_path):
    file = tmp_path / "draws.csv"
    write_draws(file, {"p0000": None, "p0001": 4})
    assert file.read_text() == "patient,draw\np0000,left out\np0001,4\n"
    assert read_draws(file) == {"p0000": None, "p0001": 4}
    assert is_left_out(file, "p0000") and not is_left_out(file, "p0001")
    with pytest.raises(BadInput, match="p0000 is left out of this population"):
        draw_of(file, "p0000")


WRONG = {
    "patient,number\np0000,1\n": "columns patient, number instead of patient, draw",
    "patient,draw\np0000,first\n": "line 2, draw: 'first' is no whole number",
    "patient,draw\np0000,1\np0000,2\n": "line 3, patient: p0000 is named twice",
    "patient,draw\n": "names no patient",
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_files_are_refused(tmp_path, text):
    file = tmp_path / "draws.csv"
    file.write_text(text)
    with pytest.raises(BadInput, match=f"draws.csv.*{WRONG[text]}"):
        read_draws(file)


def test_draws_need_people_and_a_file_that_exists():
    with pytest.raises(BadInput, match="people_draws: only with people: true"):
        validate({"variation": {"people_draws": "draws.csv"}})
    config = validate(PEOPLE | {"variation": {"people": True, "people_draws": "nowhere.csv"}})
    with pytest.raises(BadInput, match=r"variation.people_draws: nowhere.csv: no such file"):
        person_of(config, "p0000")
