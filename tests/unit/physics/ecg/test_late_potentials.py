"""Late potentials of synthetic beats whose measures are known."""

import numpy as np
import pytest

from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.delineation.axes import KORS, KORS_LEADS
from einthoven.physics.ecg.late_potentials import (
    LatePotentials,
    filtered_magnitude,
    fragmented_leads,
)
from einthoven.physics.ecg.leads import all_leads

TIME = np.arange(-200.0, 500.0)


def of_x(x):
    """Twelve leads [12, time] mV whose Frank lead X is x, and whose Y and Z are zero."""
    wanted = np.zeros((3, len(x)))
    wanted[0] = x
    eight = np.linalg.pinv(KORS) @ wanted
    order = [KORS_LEADS.index(name) for name in ("I", "II", *(f"V{k}" for k in range(1, 7)))]
    return all_leads(eight[order])


def qrs(height=1.0, sd_ms=8.0):
    return height * np.exp(-0.5 * ((TIME - 40.0) / sd_ms) ** 2)


def burst(amplitude_uv, start, end, hz=100.0):
    """A sine that lasts from start to end, ms."""
    inside = (TIME >= start) & (TIME < end)
    return np.where(inside, 1e-3 * amplitude_uv * np.sin(2 * np.pi * hz * 1e-3 * TIME), 0.0)


def test_the_filter_is_a_butterworth_one_of_order_four_run_once():
    """|H|^2 = 1 / (1 + (40 / f)^8) at f, but for the low-pass at 250 Hz, on either side."""
    for hz, gain in ((40.0, 0.5**0.5), (20.0, (1 + 2.0**8) ** -0.5), (80.0, (1 + 0.5**8) ** -0.5)):
        long = np.arange(-1000.0, 1000.0)
        wave = 0.05 * np.sin(2 * np.pi * hz * 1e-3 * long)
        beat = np.exp(-0.5 * ((long - 40.0) / 8.0) ** 2)
        found = filtered_magnitude(of_x(wave + beat), long)
        for part in (slice(500, 900), slice(1200, 1500)):
            assert found[part].max() == pytest.approx(50.0 * gain, rel=0.02)


def test_a_smooth_beat_has_no_late_potentials():
    found = LatePotentials.of(of_x(qrs()), TIME)
    assert not found.present and found.rms40_uv > 20.0 and found.las40_ms < 25.0
    assert 40.0 < found.qrs_ms < 80.0


@pytest.mark.parametrize("amplitude_uv", [10.0, 15.0])
def test_a_burst_after_the_qrs_is_measured(amplitude_uv):
    """Its root mean square is that of a sine, and QRS and low part grow by what it lasts."""
    plain = LatePotentials.of(of_x(qrs()), TIME)
    late = LatePotentials.of(of_x(qrs() + burst(amplitude_uv, 70.0, 130.0)), TIME)
    assert late.present
    assert late.rms40_uv == pytest.approx(amplitude_uv / 2**0.5, rel=0.1)
    ends = 130.0 - (TIME[0] + np.flatnonzero(filtered_magnitude(of_x(qrs()), TIME) > 2.1)[-1])
    assert late.qrs_ms - plain.qrs_ms == pytest.approx(ends, abs=6.0)
    assert late.las40_ms - plain.las40_ms == pytest.approx(ends, abs=6.0)


def test_what_lies_below_the_noise_or_after_a_pause_is_not_the_qrs():
    plain = LatePotentials.of(of_x(qrs()), TIME)
    quiet = LatePotentials.of(of_x(qrs() + burst(1.0, 70.0, 130.0)), TIME)
    later = LatePotentials.of(of_x(qrs() + burst(10.0, 200.0, 240.0)), TIME)
    for found in (quiet, later):
        assert found.qrs_ms == pytest.approx(plain.qrs_ms, abs=3.0)
    loud = LatePotentials.of(of_x(qrs() + burst(10.0, 70.0, 130.0)), TIME, noise_uv=5.0)
    assert loud.qrs_ms < 60.0


def test_notches_and_second_r_waves_are_fragments():
    shapes = {
        "I": qrs(),
        "II": qrs() - 0.6 * np.exp(-0.5 * ((TIME - 40.0) / 3.0) ** 2),
        "V1": 0.3 * np.exp(-0.5 * ((TIME - 28.0) / 5.0) ** 2) - qrs(1.0, 6.0),
        "V2": -qrs() + 0.5 * np.exp(-0.5 * ((TIME - 40.0) / 3.0) ** 2),
    }
    eight = np.stack([shapes.get(v, qrs()) for v in ("I", "II", *(f"V{k}" for k in range(1, 7)))])
    found = fragmented_leads(all_leads(eight), TIME)
    assert {"II", "V2"} <= set(found) and not {"I", "V1", "V3"} & set(found)


def test_bad_beats_are_refused():
    with pytest.raises(BadInput, match="cannot hold 250 Hz"):
        LatePotentials.of(of_x(qrs())[:, ::2], TIME[::2])
    with pytest.raises(BadInput, match="nowhere above .* is it in mV"):
        LatePotentials.of(of_x(1e-3 * qrs()), TIME)
    broken = of_x(qrs())
    broken[3, 5] = np.nan
    with pytest.raises(BadInput, match="ecg"):
        LatePotentials.of(broken, TIME)
    assert len(LEADS) == len(broken)
