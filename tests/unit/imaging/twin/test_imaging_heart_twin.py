"""The search for a beat with a given ECG, the twin about it, and what is written of a recording."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from helpers.heart import activated_patient

from einthoven.base.config import Config
from einthoven.base.config.imaging import ImagingSettings, ImagingTrainingSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays, read_json
from einthoven.base.core.names import INDEPENDENT_ROWS, STANDARD_ELECTRODES
from einthoven.base.core.seeds import generator
from einthoven.imaging.corpus.beat_parameters import PARAMETERS, BeatParameters
from einthoven.imaging.model.imaging_model import ImagingModel, image
from einthoven.imaging.model.predictors import ResidualPredictor
from einthoven.imaging.networks.conditioned import Conditioned
from einthoven.imaging.twin import recorded_twin
from einthoven.imaging.twin.beat_search import (
    SearchSettings,
    TwinTarget,
    child,
    posterior_beats,
    search,
    within,
)
from einthoven.imaging.twin.heart_twin import ABOUT, TwinMaker
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.ecg.recordings.aligned import aligned_beat
from einthoven.physics.ecg.recordings.read import read_recording
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad

RECORDING = Path(__file__).parents[4] / "docs/tutorials/simulated_sinus.csv"
SECTION = ImagingSettings()
FEW = SearchSettings(n_first=24, n_generations=2, n_children=12, n_kept=6)
TIME = np.arange(120.0)


@cache
def maker() -> TwinMaker:
    """The small test heart in an infinite medium."""
    heart = activated_patient().heart
    directions = np.random.default_rng(1).normal(size=(9, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    electrodes = heart.points.mean(axis=0) + 110.0 * directions
    grad = pseudo_lead_field_grad(heart.centroids, electrodes, 0.2)
    return TwinMaker.of(activated_patient(), grad, Config())


def drawn(n: int, seed: int) -> list[BeatParameters]:
    """Cases of the family."""
    return [BeatParameters.draw(SECTION, generator(seed, k)) for k in range(n)]


def ecg_of(case: BeatParameters) -> tuple[np.ndarray, np.ndarray]:
    """The first 120 ms of its ECG [12, time] mV, and its times at the recording points."""
    beat = maker().simulator.simulate(case)
    ecg = twelve_lead(STANDARD_ELECTRODES, beat.potentials[""])
    return ecg[:, : len(TIME)], beat.activation_time


def target(ecg: np.ndarray, settings: SearchSettings = FEW) -> TwinTarget:
    """Target with the ECG of all leads."""
    return TwinTarget(maker().simulator, "", ecg[INDEPENDENT_ROWS], TIME, settings)


def test_the_case_itself_is_found_among_others() -> None:
    case = drawn(1, 5)[0]
    ecg, times = ecg_of(case)
    found = search(target(ecg, replace(FEW, n_generations=0)), [*drawn(8, 6), case], SECTION)
    assert found[0].misfit < 1e-6 and len(found) == FEW.n_kept
    np.testing.assert_allclose(found[0].times, times, atol=1e-6)
    assert [one.misfit for one in found] == sorted(one.misfit for one in found)


def test_generations_come_nearer_and_are_the_same_for_a_seed() -> None:
    ecg, _ = ecg_of(drawn(1, 5)[0])
    first = drawn(FEW.n_first, 6)
    none, two, again = (
        search(target(ecg, replace(FEW, n_generations=n)), first, SECTION) for n in (0, 2, 2)
    )
    assert two[0].misfit < none[0].misfit and two[-1].misfit < none[-1].misfit
    assert [one.misfit for one in two] == [one.misfit for one in again]


def test_shift_and_gain_are_found() -> None:
    case = drawn(1, 5)[0]
    ecg, times = ecg_of(case)
    late = 1.5 * np.pad(ecg, ((0, 0), (4, 0)))[:, : len(TIME)]
    free = replace(FEW, largest_log_gain=0.6, largest_shift_ms=6)
    found = target(late, free).candidate(case)
    assert found.misfit < 1e-6
    assert found.log_gain == pytest.approx(np.log(1.5))
    np.testing.assert_allclose(found.times, times + 4.0, atol=1e-6)


def test_children_keep_to_the_ranges_and_to_a_pattern_of_their_parents() -> None:
    parents, rng = drawn(12, 7), np.random.default_rng(0)
    wild = dict(zip(PARAMETERS, parents[0].row)) | {"cv_fiber": 3.0, "sigma_it": -1.0}
    tame = within(BeatParameters.of_row(parents[0].pattern, np.array(list(wild.values()))), SECTION)
    assert tame.cv_fiber == SECTION.cv_fiber_mm_per_ms[1]
    assert tame.sigma_it == SECTION.sigma_it_s_per_m[0]
    for _ in range(60):
        one = child(parents, SECTION, rng)
        assert one.pattern in {case.pattern for case in parents}
        assert len(one.sites) == (int(one.pattern[-1]) if "paced" in one.pattern else 0)
        assert within(one, SECTION) == one or np.allclose(
            within(one, SECTION).row, one.row, equal_nan=True
        )
        assert all(0 <= site.z <= 1 and 0 <= site.rho <= 1 for site in one.sites)


def test_cases_of_draws_are_simulated_like_any() -> None:
    case = drawn(3, 8)[2]
    (found,) = posterior_beats(np.array([case.pattern]), np.array([case.row]))
    assert found.pattern == case.pattern and len(found.sites) == len(case.sites)
    assert found.cv_fiber == case.cv_fiber and found.cycle_length_ms == 1000.0


def test_a_twin_from_nothing_but_heart_and_ecg() -> None:
    ecg, _ = ecg_of(drawn(1, 5)[0])
    found = maker().fit(ecg, TIME, FEW, replace(ABOUT, max_steps=3))
    searched = np.sqrt(1 - found.candidates[0].misfit ** 2)
    assert found.twin.correlation > max(searched, 0.9)
    assert found.times.shape == found.sds.shape == (75,) and (found.sds > 0).all()


def test_what_cannot_be_searched_is_refused() -> None:
    with pytest.raises(BadInput, match="flat in all leads"):
        maker().fit(np.zeros((12, len(TIME))), TIME, FEW)
    with pytest.raises(BadInput, match=r"ecg: shape \(12, 7\)"):
        maker().fit(np.ones((12, 7)), TIME, FEW)
    with pytest.raises(BadInput, match="no case"):
        search(target(ecg_of(drawn(1, 5)[0])[0]), [], SECTION)


def test_a_recording_has_a_twin_with_all_that_is_to_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a heart that is not its own, in a medium without torso: nothing but the form is held."""
    monkeypatch.setattr(recorded_twin, "ABOUT", replace(ABOUT, max_steps=2))
    monkeypatch.setattr(recorded_twin, "SEARCHED", replace(recorded_twin.SEARCHED, n_first=12,
                        n_generations=1, n_children=6, n_kept=4))  # fmt: skip
    monkeypatch.setattr(recorded_twin, "_lead_fields", lambda *_: ("fem", maker().grad))
    imaged = image(read_recording(RECORDING))
    found = recorded_twin.twin_of_beat(imaged, activated_patient(), Config())
    assert found.warnings[-1] == recorded_twin.WARNING
    assert "heart of ideal" in found.warnings[-2]
    assert f"{found.heart_twin.twin.correlation:.4f}" in found.line()
    found.write(tmp_path)
    told = read_json(tmp_path / "twin.json")
    assert told["n_cases_of_posterior"] == 0
    assert -1 <= told["correlation"] <= 1 and told["forward"] == "fem"
    rows = (tmp_path / "twin.csv").read_text().splitlines()
    assert rows[0] == recorded_twin.HEADER and len(rows) == 76
    stored = load_arrays(tmp_path / "twin.npz", require=("ecg", "fitted", "activation_time"))
    assert stored["ecg"].shape == stored["fitted"].shape == (12, len(stored["time"]))


def test_draws_of_a_posterior_begin_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped, recording = ImagingModel.load(), read_recording(RECORDING)
    beat = aligned_beat(recording)
    patterns, parameters = shipped.beat_parameters(beat, None, 7)
    assert patterns.shape == (7,) and parameters.shape == (7, len(PARAMETERS))
    again = shipped.beat_parameters(beat, None, 7)[1]
    np.testing.assert_array_equal(parameters, again, "the same draws")
    one_map = Conditioned(ImagingTrainingSettings(), tuple(shipped.card["measures"]))
    without = ResidualPredictor(one_map, None, shipped.ecg_distribution)
    assert [len(x) for x in without.beat_parameters(shipped.placed(beat, None), 7)] == [0, 0]
    begun = []
    monkeypatch.setattr(recorded_twin, "_lead_fields", lambda *_: ("fem", maker().grad))
    monkeypatch.setattr(recorded_twin, "clinical_measures", lambda _: None)
    monkeypatch.setattr(TwinMaker, "fit", lambda *given: begun.append(given[-1]))
    twin = recorded_twin.fit_recorded_twin(recording, activated_patient(), Config(), shipped)
    assert [len(first) for first in begun] == [recorded_twin.SEARCHED.n_first] == [twin.n_drawn]
