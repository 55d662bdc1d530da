"""The limit of an ECG's residual, by what residuals cost a map."""

from types import SimpleNamespace

import numpy as np
import pytest
from fit_ecg_distribution import fitted_distribution
from residual_limit import ADDED_PERCENT, LEAST_COVERAGE, consequences, limit_of, outside

from einthoven.base.core.errors import BadInput
from einthoven.imaging.model.ecg_distribution import LENGTH_MS
from einthoven.physics.ecg.leads import all_leads


def rows(*pairs):
    return [{"residual_percent": r, "coverage_90": c} for r, c in pairs]


def test_the_limit_is_where_a_line_between_the_sizes_falls_below_the_least_coverage():
    assert limit_of(rows((8, 0.93), (12, 0.89), (16, 0.81))) == pytest.approx(14.0)
    assert limit_of(rows((8, 0.93), (12, 0.89))) == 12.0  # nothing larger was tried
    with pytest.raises(BadInput, match="cover 80 %|cover 80%"):
        limit_of(rows((8, 0.80), (12, 0.70)))
    assert LEAST_COVERAGE < 0.9


def beats(n, rng):
    """QRS-like bumps at random places and sizes, [beat, 12, 500] mV from the first activation."""
    time = np.arange(500.0)
    peaks = rng.uniform(40, 60, (n, 8, 1))
    leads = rng.normal(size=(n, 8, 1)) * np.exp(-(((time - peaks) / 12) ** 2))
    t_wave = rng.normal(size=(n, 8, 1)) * 0.3 * np.exp(-(((time - 300) / 40) ** 2))
    return all_leads((leads + t_wave).astype(np.float32))


def test_what_is_added_is_the_residual_and_reaches_the_network_where_it_lies_in_the_beat():
    rng = np.random.default_rng(1)
    ecg = beats(300, rng)
    known = fitted_distribution(ecg[:240], ecg[240:])
    some = ecg[240:260, :, :LENGTH_MS].astype(float)
    strange = outside(known, some[::-1])
    assert strange.shape == (20, 8, LENGTH_MS)
    seen = []

    def draw(placed):
        seen.append(placed)
        return SimpleNamespace(activation_time=np.tile(np.arange(75.0), (9, 1)))

    model = SimpleNamespace(
        card={"forward": "fem-recorded"}, ecg_distribution=known, measures_row=lambda _: np.ones(1),
        predictor=SimpleNamespace(draw=draw),
    )  # fmt: skip
    truth = np.tile(np.arange(75.0), (20, 1))
    found = consequences(model, some, np.zeros((20, 12, 500)), truth, strange)
    assert len(found) == len(ADDED_PERCENT) and all(row["at_error_ms"] == 0 for row in found)
    sizes = [row["residual_percent"] for row in found]
    assert sizes[-1] > sizes[0] + 4
    last = seen[-1]
    added = last.from_onset - some[-1]
    norm = np.linalg.norm(added) / np.linalg.norm(some[-1])
    assert norm == pytest.approx(0.01 * ADDED_PERCENT[-1], rel=1e-6)
    np.testing.assert_allclose(last.ecg[:, 20 : 20 + LENGTH_MS], added, atol=1e-12)
    assert not last.ecg[:, :20].any()
