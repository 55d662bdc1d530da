"""The twin on an inferred body: the bank, the smoother, the moves, and what is written."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from helpers.heart import activated_patient

from einthoven.base.config import Config
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays, read_json
from einthoven.base.core.names import INDEPENDENT_ROWS, STANDARD_ELECTRODES
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.imaging.inputs.points import recording_points
from einthoven.imaging.twin.body_bank import BodyBank, patients_in
from einthoven.imaging.twin.body_twin import ABOUT
from einthoven.imaging.twin.forward import ForwardModel
from einthoven.imaging.twin.inferred_twin import (
    BEFORE_MS,
    InferenceSettings,
    InferredTwin,
    infer_recorded_twin,
    infer_twin,
)
from einthoven.imaging.twin.people_heart import N_TIMES, PeopleHeart, PlayedQrs, qrs_people
from einthoven.imaging.twin.people_search import PeopleSearch, placed
from einthoven.physics.ecg.leads import all_leads
from einthoven.physics.ecg.recordings.read import read_recording
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad

RECORDING = Path(__file__).parents[4] / "docs/tutorials/simulated_sinus.csv"
N_BODIES, START, LENGTH = 3, 18, 130
QUICK = InferenceSettings(n_searched=1, n_fitted=1, people=PeopleSearch(n_steps=2),
                          about=replace(ABOUT, n_modes=24), moves=False, rounds=(3,))  # fmt: skip


@dataclass(frozen=True, eq=False)
class SmallBank(BodyBank):
    """The small test heart in bodies that differ in where the electrodes are."""

    def heart(self, index: int) -> PeopleHeart:
        return heart(index)


@cache
def heart(index: int) -> PeopleHeart:
    patient = activated_patient()
    directions = np.random.default_rng(index).normal(size=(9, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    electrodes = patient.heart.points.mean(axis=0) + 110.0 * directions
    grad = pseudo_lead_field_grad(patient.heart.centroids, electrodes, 0.2)
    return PeopleHeart.of(patient, grad, Config().activation)


@cache
def bank() -> SmallBank:
    people = qrs_people()
    draws = np.random.default_rng(0).standard_normal((24, len(people.names)))
    ecgs = [[heart(k).play(people.at(draw)).ecg for draw in draws] for k in range(N_BODIES)]
    folders = tuple(Path(f"b{k}") for k in range(N_BODIES))
    return SmallBank(folders, draws, np.array(ecgs, np.float32), Config())


@cache
def unseen() -> tuple[PlayedQrs, np.ndarray]:
    """A beat of body 1 that is not in the bank, and its ECG [12, LENGTH] mV."""
    people = qrs_people()
    own = heart(1).play(people.at(0.7 * np.random.default_rng(5).standard_normal(21)))
    return own, all_leads(placed(own.ecg, START, LENGTH))


def test_a_person_without_deviations_is_the_mean_and_limits_hold() -> None:
    people = qrs_people()
    assert not [name for name in people.names if name.startswith("apd")]
    mean = people.at(np.zeros(len(people.names)))
    k = people.names.index("cv_fiber_mm_per_ms")
    expected = people.centre[k] * np.exp(people.scale[k] * people.mean[k])
    assert mean["cv_fiber_mm_per_ms"] == pytest.approx(expected)
    far = np.array(list(people.at(np.full(len(people.names), 9.0)).values()))
    assert (far <= people.high).all() and (far == people.high).any()


@cache
def inferred() -> InferredTwin:
    return infer_twin(unseen()[1], bank(), QUICK)


def test_the_body_of_a_played_beat_is_screened_first_and_found_with_its_map() -> None:
    own, ecg = unseen()
    ranked = bank().screened(ecg[INDEPENDENT_ROWS])
    assert ranked[0].body == 1 and abs(ranked[0].start_ms - START) < 6
    assert ranked[0].correlation > ranked[1].correlation
    found = inferred()
    assert found.correlation > 0.985
    wanted = recording_points(heart(1).patient).weights @ own.tau
    error = np.abs(found.best.times - START - wanted)
    assert error.mean() < 8.0, error.mean()


def test_twins_are_the_same_for_a_seed() -> None:
    again = infer_twin(unseen()[1], bank(), QUICK)
    assert np.array_equal(inferred().best.times, again.best.times)


def test_twins_scale_and_shift_with_the_ecg() -> None:
    first, ecg = inferred().best, unseen()[1]
    louder = infer_twin(2.0 * ecg, bank(), QUICK).best
    np.testing.assert_allclose(louder.times, first.times, atol=1e-6)
    gains = [one.twin.parameters.log_gain for one in (louder, first)]
    assert gains[0] - gains[1] == pytest.approx(np.log(2.0), abs=1e-9)
    padded = np.pad(ecg, ((0, 0), (6, 0)))
    later = infer_twin(padded, bank(), QUICK).best
    np.testing.assert_allclose(later.times, first.times + 6, atol=0.1)


def test_a_move_of_the_body_changes_the_ecg_as_its_derivative_says() -> None:
    """Potentials are linear in lead fields, so that the difference is the derivative itself."""
    own, first, second = unseen()[0], heart(0), heart(2)
    fields = LeadFieldGradients(np.array(STANDARD_ELECTRODES), np.zeros((9, 3)), first.grad)
    leadfield, time = Config().leadfield, np.arange(100.0)
    moves = np.array([second.grad - first.grad, 0.1 * first.grad])
    model = ForwardModel.of(first.patient, fields, leadfield, time)
    free = model.with_moves(first.patient, leadfield, moves)
    logs, at = np.array([0.2, -0.3]), np.array([0.4, -0.5])
    slopes = free.potential(own.tau, np.zeros((len(own.tau), 1)), logs, at).jacobian[..., -2:]
    rest = free.ecg(own.tau, logs, np.zeros(2))
    assert np.array_equal(rest, model.ecg(own.tau, logs))
    scale = 1e-5 * np.abs(rest).max()
    np.testing.assert_allclose(free.ecg(own.tau, logs, at) - rest, slopes @ at, atol=scale)


def test_flat_ecgs_and_folders_without_bodies_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no QRS"):
        infer_twin(np.zeros((12, 100)), bank(), QUICK)
    with pytest.raises(BadInput, match=r"people\.yaml"):
        patients_in(tmp_path)
    (tmp_path / "p0000").mkdir()
    (tmp_path / "p0000" / "anatomy.npz").touch()
    with pytest.raises(BadInput, match=r"mesh\.npz"):
        patients_in(tmp_path)


def test_files_say_that_the_anatomy_is_inferred(tmp_path: Path) -> None:
    settings = replace(QUICK, n_searched=2, n_fitted=2, rounds=(1,))
    found = infer_recorded_twin(read_recording(RECORDING), bank(), settings)
    found.write(tmp_path)
    told = read_json(tmp_path / "twin.json")
    assert told["anatomy"] == "inferred" and len(told["bodies"]) == 2
    assert told["correlation"] == found.inferred.correlation
    assert any("one of several" in text for text in told["warnings"])
    assert {"onsets_rms", "gain", "cv_fiber"} <= set(told["bodies"][0]["off_in_sd"])
    arrays = load_arrays(tmp_path / "twin.npz")
    assert arrays["times_by_body"].shape == (2, 75) and arrays["time"][0] == -BEFORE_MS
    assert len((tmp_path / "twin.csv").read_text().splitlines()) == 76


def test_a_placed_beat_begins_where_it_is_put() -> None:
    own = unseen()[0]
    there = placed(own.ecg, 7.0, 40)
    assert not there[:, :7].any() and np.allclose(there[:, 7:], own.ecg[:, :33])
    assert own.ecg.shape == (8, N_TIMES) and own.tau.min() == 0
