"""From a recording to a map: ecg_distribution, onset, places, splines, files, and the command."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from fit_ecg_distribution import N_COMPONENTS, fitted_distribution, from_onset
from helpers.ecg import COMPLEXES, T_MV, synthetic_beat
from helpers.recordings import ellipsoid

from einthoven.app.cli import main
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import write_json
from einthoven.base.core.names import LEADS
from einthoven.base.plots.style import write_figures
from einthoven.imaging.inputs.heart_surface import RecordedHeart
from einthoven.imaging.inputs.points import NAMES
from einthoven.imaging.model.ecg_distribution import EcgDistribution
from einthoven.imaging.model.imaged_ecg import HEADER, WARNING
from einthoven.imaging.model.imaging_model import CARD_FILE, SHIPPED, ImagingModel, image
from einthoven.imaging.model.pictures import by_place, figures_of
from einthoven.imaging.model.predictors import PosteriorPredictor, ResidualPredictor
from einthoven.imaging.model.recorded_pattern import shipped_patterns
from einthoven.imaging.model.residuals import N_NEAREST, CalibrationErrors
from einthoven.imaging.networks.imaging_network import MapPrediction
from einthoven.physics.ecg.recordings.recording import Recording

TIME = np.arange(500.0)


def replace_limit(patterns, limit):
    """Patterns with another limit of the distance from healthy people's beats."""
    return replace(patterns, healthy=replace(patterns.healthy, limit=limit))


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch):
    monkeypatch.setattr("einthoven.base.plots.heart_maps.HEIGHT_PX", 80)


def simulated(n, seed):
    """Beats of random amplitudes; every second one is broad with a late onset, and negative."""
    rng = np.random.default_rng(seed)
    beats, delays = [], np.where(np.arange(n) % 2, 25.0, 4.0) + rng.uniform(0, 2, n)
    for k, delay in enumerate(delays):
        sign = -1.0 if k % 2 else 1.0
        waves = {name: tuple((d * (1 + 0.3 * (k % 2)), sign * a * rng.uniform(0.7, 1.3))
                             for d, a in row) for name, row in COMPLEXES.items()}  # fmt: skip
        t_mv = {name: a * rng.uniform(0.6, 1.4) for name, a in T_MV.items()}
        beats.append(synthetic_beat(TIME, onset=delay, complexes=waves, t_mv=t_mv))
    return np.array(beats), delays


@pytest.fixture(scope="module")
def heart():
    points, faces = ellipsoid(2, (40.0, 35.0, 45.0))
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(points), 75, replace=False)
    return RecordedHeart(points, faces, np.zeros((0, 3), int), points[chosen]), chosen


@pytest.fixture(scope="module")
def ecg_distribution():
    return fitted_distribution(simulated(200, 0)[0], simulated(100, 1)[0])


class Stub:
    """A network that says the same of every ECG, 10 ms later without measures."""

    def predict(self, ecg, measures):
        assert ecg.shape[1:] == (12, 500) and float(ecg[..., 0].abs().max()) < 0.05
        late = 10.0 * np.isnan(measures[:, 0].numpy())
        return MapPrediction(TRUTH + late[:, None], np.full((len(ecg), 75), 280.0))


TRUTH = np.linspace(5, 90, 75)


@pytest.fixture(scope="module")
def model(ecg_distribution, heart):
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 1, (400, N_COMPONENTS))
    errors = rng.normal(0, 5, (400, 75))
    residuals = CalibrationErrors(scores, errors, 2 * errors - 10.0)
    card = {"network": "stub", "measures": ["girth"], "forward": "fem"}
    predictor = ResidualPredictor(Stub(), residuals, ecg_distribution)
    return ImagingModel(SHIPPED, card, predictor, ecg_distribution, heart[0])


def recording(ecg=None):
    time = np.arange(0.0, 8000.0)
    rhythm = sum(synthetic_beat(time, onset=1000.0 * k + 300) for k in range(8))
    return Recording.of_leads("rhythm", dict(zip(LEADS, rhythm if ecg is None else ecg)), 1000.0)


def test_beats_are_put_at_their_onset():
    """Beats that differ in when they set out only are the same from their onset."""
    shifted = np.array([synthetic_beat(TIME, onset=d) for d in (3.0, 12.0, 30.0)])
    beats, delays = from_onset(shifted)
    np.testing.assert_allclose(np.diff(delays), (9, 18), atol=0.2)
    np.testing.assert_allclose(beats[1:], beats[:1].repeat(2, 0), atol=0.08)


def test_unlike_beats_are_out_of_distribution(ecg_distribution, tmp_path):
    beats, _ = from_onset(simulated(60, 3)[0])
    inside = [ecg_distribution.check(beat).in_distribution for beat in beats]
    assert np.mean(inside) > 0.9
    rng = np.random.default_rng(0)
    for odd in (3 * beats[0], beats[0] + rng.normal(0, 0.3, beats[0].shape), np.roll(beats[0], 80)):
        assert ecg_distribution.check(odd).reasons
    ecg_distribution.save(tmp_path / "f.npz")
    again = EcgDistribution.load(tmp_path / "f.npz").values(beats[5])
    assert again == pytest.approx(ecg_distribution.values(beats[5]), rel=1e-3)
    with pytest.raises(BadInput, match="at least"):
        fitted_distribution(beats, beats)


def test_delays_are_those_of_like_beats(ecg_distribution):
    ecg, truth = simulated(20, 4)
    beats, seen = from_onset(ecg)
    for beat, delay in zip(beats, seen):
        low, *_, high = ecg_distribution.onset_delays(beat)
        assert low - 1.5 <= delay <= high + 1.5
    assert np.abs(seen - truth).max() < 3.0


def test_splines_take_the_values_of_the_points_and_keep_linear_maps(heart, tmp_path):
    recorded, chosen = heart
    values = np.random.default_rng(1).uniform(0, 100, (2, 75))
    np.testing.assert_allclose(recorded.on_surface(values)[:, chosen], values, atol=1e-6)
    linear = recorded.points @ (0.3, -1.0, 0.7) + 5.0
    np.testing.assert_allclose(recorded.on_surface(linear[chosen]), linear, atol=1e-6)
    recorded.save(tmp_path / "h.npz")
    again = RecordedHeart.load(tmp_path / "h.npz")
    np.testing.assert_allclose(again.points, recorded.points, atol=1e-5)


def test_every_point_has_a_place_in_one_bullseye():
    found = by_place(np.arange(75.0))
    sizes = {wall: int(np.isfinite(values).sum()) for wall, values in found.items()}
    assert sizes == {"endo": 30, "mid": 25, "outer": 20}
    every = np.concatenate([values[np.isfinite(values)] for values in found.values()])
    assert sorted(every) == list(range(75))
    assert found["endo"][16] == NAMES.index("AHA17") and found["endo"][17] == NAMES.index("RV01")
    assert found["outer"][4] == NAMES.index("EPI_AHA05")
    assert found["mid"][17 + 11] == NAMES.index("MID_RV12")


def test_an_imaged_recording(model, tmp_path):
    found = image(recording(), model=model)
    low, high = found.interval
    n = N_NEAREST
    assert found.samples.shape == (n, 75) and ((low < found.median) & (found.median < high)).all()
    np.testing.assert_allclose(found.median, TRUTH, atol=3.0)
    assert found.warnings[-1] == WARNING and "90%" in found.line() and "ms" in found.line()
    found.write(tmp_path)
    rows = (tmp_path / "activation.csv").read_text().splitlines()
    assert rows[0] == HEADER and len(rows) == 76 and rows[1].endswith(",280.00")
    told = json.loads((tmp_path / "activation.json").read_text())
    assert told["points"]["AHA01"]["median_ms"] == pytest.approx(found.median[0])
    assert told["warnings"][-1] == WARNING and told["with_measures"] is False
    with np.load(tmp_path / "activation.npz") as arrays:
        assert arrays["samples"].shape == (n, 75)
    with pytest.raises(BadInput, match="differs: girth, weight"):
        image(recording(), {"weight": 70.0}, model)
    known = image(recording(), {"girth": 0.5}, model)
    ends = known.interval  # what the measures tell narrows the intervals, as the residuals have it
    assert known.with_measures and np.ptp(ends, axis=0).mean() < 0.6 * (high - low).mean()


class Drawing(Stub):
    """A network that tells its uncertainty, and wants the onset where split recorded has it."""

    def predict(self, ecg, measures):
        assert float(ecg[..., :15].abs().max()) < 0.05 < float(ecg[..., 20:60].abs().max())
        found = super().predict(ecg, measures)
        samples = TRUTH + np.linspace(-6, 6, 399)[None, :, None]
        return found._replace(samples=samples, pattern=np.array([[0.75, 0.25, *[0.0] * 6]]))


def test_a_network_with_draws_needs_no_residuals(model):
    card = model.card | {"forward": "fem-recorded"}
    drawing = replace(model, predictor=PosteriorPredictor(Drawing()), card=card)
    found = image(recording(), model=drawing)
    np.testing.assert_allclose(found.median, TRUTH, atol=0.01)
    np.testing.assert_allclose(np.ptp(found.interval, axis=0), 0.9 * 12, atol=0.01)
    # a simulated beat keeps its pattern
    assert drawing.predictor.draw(drawing.placed(found.beat, None)).pattern["sinus"] == 0.75


class Pacing(Drawing):
    """A network that explains a sinus beat by three sites of pacing, as the shipped one does."""

    def predict(self, ecg, measures):
        return super().predict(ecg, measures)._replace(pattern=np.array([[0.2, *[0.0] * 6, 0.8]]))


def test_a_map_of_another_pattern_than_the_reported_is_not_founded(model, tmp_path):
    """The network's own pattern is never reported; it only tells whether its map fits."""
    card = model.card | {"forward": "fem-recorded"}
    limits = dict.fromkeys(model.ecg_distribution.limits, np.inf)
    wide = replace(model.ecg_distribution, limits=limits)
    everybody = replace_limit(shipped_patterns(), np.inf)
    for network, contradicts in ((Drawing(), False), (Pacing(), True)):
        predictor = PosteriorPredictor(network)
        drawing = replace(model, predictor=predictor, card=card, ecg_distribution=wide)
        found = image(recording(), model=drawing)
        found = replace(found, people=everybody.check(found.beat))
        assert found.recorded.pattern == "sinus" and found.contradicts == contradicts
        assert found.map_is_founded != contradicts
        assert any("CONTRADICTION" in text for text in found.warnings) == contradicts
        found.write(tmp_path)
        written = "".join(path.read_text() for path in tmp_path.glob("activation.[cj]s*"))
        told = json.loads((tmp_path / "activation.json").read_text())
        assert told["pattern"] == "sinus" and told["pattern_note"] == found.recorded.note
        assert told["simulations"]["of_another_pattern"] == contradicts
        assert told["map_is_founded"] != contradicts
        said = " ".join([found.line(), *found.warnings, written])
        assert not re.search(r"\bpaced-[123]\b", said)


def test_a_network_without_draws_is_packed_with_its_residuals(ecg_distribution, tmp_path):
    with pytest.raises(BadInput, match="no residuals.npz; pack the network again"):
        ResidualPredictor.load(tmp_path, "conditioned", ecg_distribution)


def test_residuals_are_of_the_nearest_calibration_beats(tmp_path):
    """Where errors depend on the ECG, so do the intervals; the stored halves say the same."""
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 1, (1000, 3))
    errors = np.where(scores[:, :1] > 0, 10.0, 1.0) * rng.normal(0, 1, (1000, 75))
    residuals = CalibrationErrors(scores, errors, errors)
    spread = [residuals.nearest(np.array([x, 0, 0]), True).std() for x in (2.0, -2.0)]
    assert spread == pytest.approx([10.0, 1.0], rel=0.1)
    residuals.save(tmp_path / "r.npz")
    again = CalibrationErrors.load(tmp_path / "r.npz").nearest(np.array([2.0, 0, 0]), False)
    assert again.std() == pytest.approx(spread[0], rel=0.02)
    with pytest.raises(BadInput, match="at least"):
        CalibrationErrors(scores[:50], errors[:50], errors[:50])


def test_a_recording_of_another_kind_is_told(model):
    model = replace(model, ecg_distribution=replace(model.ecg_distribution, limits={"ecg_sd": 0.01,
                    "ecg_residual_percent": 0.01}))  # fmt: skip
    found = image(recording(), model=model)
    assert any("NOT FOUNDED" in text for text in found.warnings) and not found.map_is_founded
    assert found.line().endswith("; simulations like it: NO")
    odd = replace(found, people=replace_limit(shipped_patterns(), 0.0).check(found.beat))
    assert any("OUT OF DISTRIBUTION: people_sd" in text for text in odd.warnings)
    assert "; OUT OF DISTRIBUTION of healthy people's ECGs" in odd.line()


def test_command(model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(ImagingModel, "load", lambda folder: model)
    drawn = []
    monkeypatch.setattr(
        "einthoven.imaging.model.pictures.figures_of", lambda *given: drawn.append(given) or {}
    )
    np.save(tmp_path / "rhythm.npy", 1000 * recording().ecg)
    arguments = ["image", str(tmp_path / "rhythm.npy"), "--model", "any"]
    assert main([*arguments, "--rate-hz", "1000", "--unit", "uV", "--to", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("rhythm: activation lasts")
    assert "Not a medical device" in printed and (tmp_path / "activation.csv").exists()
    assert (
        "  pattern: " in printed.splitlines()[1]
        and "distribution" in printed.splitlines()[0].lower()
    )
    assert not drawn
    pictures = [*arguments, "--rate-hz", "1000", "--unit", "uV", "--to", str(tmp_path)]
    assert main([*pictures, "--pictures"]) == 0 and len(drawn) == 1
    capsys.readouterr()
    assert main(arguments) == 2
    assert "--rate-hz" in capsys.readouterr().err


@pytest.mark.slow
def test_pictures(model, tmp_path):
    figures = figures_of(image(recording(), model=model), model.heart, "an ellipsoid")
    write_figures(figures, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(figures)
    labels = {axes.get_ylabel() for axes in figures["bullseye.png"].axes}
    assert {"activation time (ms)", "width of the 90% interval (ms)"} <= labels
    maps = [axes for axes in figures["isochrones.png"].axes if axes.images]
    assert len(maps) == 8
    titles = [figure.get_suptitle() for figure in figures.values()]
    assert all(re.search(r"in distribution|OUT OF DISTRIBUTION", title) for title in titles)


def test_models_that_are_none(tmp_path):
    with pytest.raises(BadInput, match="no packed model"):
        ImagingModel.load(tmp_path)
    write_json(tmp_path / CARD_FILE, {"model": "operator"})
    with pytest.raises(BadInput, match="another model"):
        ImagingModel.load(tmp_path)
