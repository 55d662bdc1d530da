"""Two activation maps of one heart with one ECG: the search, and the fit that brings them there."""

import numpy as np
import pytest
from ambiguity import FORWARD, KnownHeart, ecg_of, most_alike, second_map
from helpers.heart import activated_patient
from two_maps_figure import TwoMaps, two_maps_figure

from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import INDEPENDENT_ROWS, STANDARD_ELECTRODES
from einthoven.base.plots.heart_maps import Bands
from einthoven.base.plots.imaging_maps import Bullseye
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.imaging.corpus.beat_parameters import BeatParameters, StimulusSite
from einthoven.imaging.corpus.simulator import Simulator
from einthoven.imaging.model.pictures import by_place
from einthoven.imaging.twin.prior import TwinSettings
from einthoven.physics.ecg.beats import correlation
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad


def test_beats_with_one_ecg_and_two_maps_are_found():
    rng = np.random.default_rng(0)
    ecg, maps = rng.standard_normal((6, 3, 20)), 50 + 20 * rng.standard_normal((6, 75))
    ecg[4] = ecg[1] + 0.01 * rng.standard_normal((3, 20))
    ecg[3], maps[3] = ecg[2], maps[2] + 1.0  # one ECG, but one map too
    pair = most_alike(ecg, maps, 10.0)
    assert {pair.first, pair.second} == {1, 4}
    assert pair.ecg_difference < 0.03
    assert pair.map_difference_ms == pytest.approx(np.abs(maps[1] - maps[4]).mean())
    with pytest.raises(BadInput, match="no two of 6 differ by 500 ms"):
        most_alike(ecg, maps, 500.0)


@pytest.fixture(scope="module")
def heart():
    patient = activated_patient()
    directions = np.random.default_rng(1).normal(size=(9, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    electrodes = patient.heart.points.mean(axis=0) + 110.0 * directions
    grad = pseudo_lead_field_grad(patient.heart.centroids, electrodes, 0.2)
    fields = LeadFieldGradients(np.array(STANDARD_ELECTRODES), electrodes, grad)
    return KnownHeart(Simulator.of(patient, {FORWARD: grad}), fields, LeadFieldSettings())


def test_another_map_takes_the_ecg_of_the_first(heart):
    """Cells and conductivities are those of the first; the activation is not."""
    case = BeatParameters("paced-1", (StimulusSite(0.5, 0.3, 0.0, -1.0),), sigma_il=0.25)
    first = heart.simulator.simulate(case)
    other = heart.simulator.simulate(
        BeatParameters("paced-1", (StimulusSite(0.55, 0.5, 0.5, -1.0),))
    )
    found = second_map(heart, first, other, TwinSettings(n_modes=24, max_steps=4))
    begun = heart.simulator.beat(case, other.tau)
    ecgs = [ecg_of(beat)[INDEPENDENT_ROWS, :150] for beat in (first, begun, found.beat)]
    begun_at = correlation(ecgs[0], ecgs[1])
    assert found.correlation > 0.9 and 1 - found.correlation < 0.5 * (1 - begun_at)
    assert correlation(ecgs[0], ecgs[2]) == pytest.approx(found.correlation, abs=0.02)
    np.testing.assert_array_equal(found.beat.apd90, first.apd90)
    assert found.node_difference_ms == pytest.approx(np.abs(found.beat.tau - first.tau).mean())
    assert found.largest_difference_ms >= found.map_difference_ms > 1.0


def test_the_figure_shows_both_maps_and_the_intervals():
    maps = np.linspace(0, 100, 75) + np.array([[0.0], [8.0]])
    bands = Bands.of("activation time (ms)", maps)
    panels = [Bullseye(name, by_place(values)["endo"], bands) for name, values in zip("AB", maps)]
    time = np.arange(100.0)
    ecgs = np.sin(time / 10) * np.ones((2, 12, 1))
    interval = maps.mean(axis=0) + np.array([[-9.0], [9.0]])
    shown = TwoMaps(("A", "B"), panels, time, ecgs, maps, interval, maps.mean(axis=0))
    figure = two_maps_figure(shown, "made up")
    labels = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {"V6", "aVF"} <= labels
    last = figure.axes[-1].get_legend() or figure.axes[-2].get_legend()
    assert {"A", "B", "posterior: 90 % interval"} <= {text.get_text() for text in last.get_texts()}
