"""Trials of inverse methods: their files, their means, and what is told of failures."""

import math

import pytest

from einthoven.base.core.errors import BadInput, NotConverged
from einthoven.base.core.files import write_json
from einthoven.inverse.synthetic.trials import Trial, load_trials, save_trials, summary


def test_mean_and_sd_of_the_repeats_by_problem_method_and_noise(tmp_path):
    trials = [
        Trial("paper", method, noise, k).of(lambda re=(k + 1) * noise: {"re": re})
        for method in ("tikhonov-0", "stre") for noise in (0.01, 0.1) for k in range(3)
    ]  # fmt: skip
    save_trials(tmp_path / "a.json", trials[:5])
    save_trials(tmp_path / "b.json", [*trials[5:], Trial("beat", "stre", 0.1, 0, {"re": 2.0})])
    found = summary(load_trials([tmp_path / "a.json", tmp_path / "b.json"]))
    row = found["paper"]["stre"]["0.1"]
    assert row["repeats"] == 3 and "failures" not in row
    assert row["re"]["mean"] == pytest.approx(0.2) and row["re"]["sd"] == pytest.approx(0.1)
    assert list(found["paper"]) == ["tikhonov-0", "stre"] and set(found["paper"]["stre"]) == {
        "0.01", "0.1"
    }  # fmt: skip
    assert found["beat"]["stre"]["0.1"] == {"repeats": 1, "re": {"mean": 2.0, "sd": None}}


def test_a_failure_is_counted_with_its_reason_and_has_no_part_in_the_mean():
    def fails():
        raise NotConverged("no minimum")

    good = [Trial("paper", "tsvd", 0.1, k).of(lambda: {"re": 0.5}) for k in range(2)]
    [row] = summary([*good, Trial("paper", "tsvd", 0.1, 2).of(fails)])["paper"]["tsvd"].values()
    assert row["repeats"] == 2 and row["re"]["mean"] == 0.5
    assert row["failures"] == 1 and row["reasons"] == ["NotConverged: no minimum"]
    [none] = summary([Trial("paper", "tsvd", 0.1, 2).of(fails)])["paper"]["tsvd"].values()
    assert none["repeats"] == 0 and "re" not in none


def test_a_mistake_of_the_program_is_no_failure_of_the_method():
    with pytest.raises(ZeroDivisionError):
        Trial("paper", "tsvd", 0.1, 0).of(lambda: {"re": math.floor(1) / 0})


def test_a_foreign_file_is_refused(tmp_path):
    write_json(tmp_path / "a.json", [{"patient": "p0000"}])
    with pytest.raises(BadInput, match="no trials of inverse methods"):
        load_trials([tmp_path / "a.json"])
