"""Waves, T ends and axes of beats that are known by construction, and what must not change them."""

import numpy as np
import pytest
from helpers.ecg import COMPLEXES, QRS_MS, T_MV, T_PEAK_MS, T_SD_MS, synthetic_beat, time_axis

from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.delineation.axes import frontal_axis_deg, spatial_angle_deg
from einthoven.physics.ecg.delineation.delineate import delineate
from einthoven.physics.ecg.delineation.signal import areas, vertex
from einthoven.physics.ecg.delineation.t_wave import FOOT_MS, t_wave, tangent_end
from einthoven.physics.ecg.delineation.waves import qrs_waves
from einthoven.physics.ecg.features import beat_features, has_concordant_t, has_normal_r_in_v1

TIME = time_axis()
SMEAR_MS = 4.0
"""Half the window of the slope: a sharp corner seems to begin so much earlier."""
NAMES = {"I": "Q R S", "II": "R S", "V1": "R S", "V4": "Q R S", "V5": "Q R S", "V6": "Q R"}


@pytest.mark.parametrize("dt", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("onset", [0.0, 10.3])
def test_waves_are_those_that_were_put_in(dt, onset):
    """Names, amplitudes to 5 uV (10 at 2 ms), inner borders to 1 ms, peaks to 1 ms."""
    time = time_axis(dt)
    found = delineate(synthetic_beat(time, onset=onset), time)
    assert found.onset_ms == pytest.approx(onset - SMEAR_MS, abs=1.0)
    assert found.qrs_ms == pytest.approx(QRS_MS + 2 * SMEAR_MS, abs=2.0)
    for name, truth in COMPLEXES.items():
        waves = found.leads[name].waves
        if name in NAMES:
            assert " ".join(wave.name for wave in waves) == NAMES[name]
        assert len(waves) == len(truth)
        start = onset
        for wave, (duration, amplitude) in zip(waves, truth):
            assert wave.amplitude_mv == pytest.approx(amplitude, abs=0.005 * max(1, dt))
            assert wave.peak_ms == pytest.approx(start + duration / 2, abs=1.0)
            start += duration
        for wave, border in zip(waves, onset + np.cumsum([d for d, _ in truth])[:-1]):
            assert wave.end_ms == pytest.approx(border, abs=1.0)


def test_t_wave_of_a_gaussian_ends_two_deviations_after_its_peak():
    """The tangent at the turning point of a Gaussian meets the level there, exactly."""
    found = delineate(synthetic_beat(TIME), TIME)
    peak, end = 10 + T_PEAK_MS, 10 + T_PEAK_MS + 2 * T_SD_MS
    assert found.t_peak_ms == pytest.approx(peak, abs=0.5)
    assert found.t_rms_end_ms == pytest.approx(end, abs=1.5)
    assert found.t_end_ms == pytest.approx(end + FOOT_MS, abs=1.5)
    assert found.t_peak_to_end_ms == pytest.approx(2 * T_SD_MS, abs=1.5)
    assert found.qt_ms == pytest.approx(T_PEAK_MS + 2 * T_SD_MS + SMEAR_MS + FOOT_MS, abs=2.0)
    for name, amplitude in T_MV.items():
        wave = found.leads[name].t
        assert wave.amplitude_mv == pytest.approx(amplitude, abs=0.002)
        assert wave.end_ms == pytest.approx(end, abs=1.5)
        assert wave.second_mv == 0.0


@pytest.mark.parametrize("half_width", [60.0, 100.0])
def test_t_end_of_a_raised_cosine(half_width):
    """A (1 + cos(pi t / w)) / 2 is steepest at w/2; its tangent ends at w (1/2 + 1/pi)."""
    time = np.arange(-300.0, 300.0)
    x = 0.3 * (1 + np.cos(np.pi * np.clip(time / half_width, -1, 1))) / 2
    expected = half_width * (0.5 + 1 / np.pi)
    assert tangent_end(time, x, 300) == pytest.approx(expected, abs=1.5)


@pytest.mark.parametrize("sign", [1, -1])
def test_biphasic_t_wave(sign):
    time = np.arange(0.0, 500.0)
    first = 0.2 * np.exp(-(((time - 220) / 20) ** 2) / 2)
    second = 0.3 * np.exp(-(((time - 320) / 20) ** 2) / 2)
    wave = t_wave(time, sign * (first - second), 150.0, 480.0)
    assert wave.second_mv != 0.0
    assert wave.amplitude_mv == pytest.approx(-0.3 * sign, abs=1e-3)
    assert wave.second_mv == pytest.approx(0.2 * sign, abs=1e-3)
    assert wave.end_ms == pytest.approx(360.0, abs=1.5)


def test_no_t_wave():
    found = delineate(synthetic_beat(TIME, t_mv=dict.fromkeys(T_MV, 0.0)), TIME)
    assert all(beat.t is None for beat in found.leads.values())
    values = beat_features(found)
    assert values["t_mv_v5"] == 0 and np.isnan(values["t_end_ms_v5"])
    assert np.isnan(values["qrs_t_angle_deg"]) and np.isnan(values["qt_ms"])


def test_axes_of_known_areas():
    """A half sine has the area 2/pi amplitude duration; a vector at angle a gives cos(a - b)."""
    found = delineate(synthetic_beat(TIME), TIME)
    one, two = (sum(d * a for d, a in COMPLEXES[name]) for name in ("I", "II"))
    truth = np.degrees(np.arctan2((two - one / 2) * 2 / np.sqrt(3), one))
    assert found.qrs_axis_deg == pytest.approx(truth, abs=0.3)
    truth = np.degrees(np.arctan2((T_MV["II"] - T_MV["I"] / 2) * 2 / np.sqrt(3), T_MV["I"]))
    assert found.t_axis_deg == pytest.approx(truth, abs=0.3)
    for angle in (-89.0, -30.0, 0.0, 60.0, 90.0, 180.0, 269.0):
        lead_i, lead_ii = (np.cos(np.radians(angle - at)) for at in (0, 60))
        assert frontal_axis_deg(lead_i, lead_ii - lead_i / 2) == pytest.approx(angle)


def test_spatial_angle_of_a_vector_with_itself_and_its_opposite():
    generator = np.random.default_rng(3)
    first = dict(zip(LEADS, generator.normal(size=12)))
    opposite = {lead: -2.5 * value for lead, value in first.items()}
    assert spatial_angle_deg(first, first) == pytest.approx(0.0, abs=1e-5)
    assert spatial_angle_deg(first, opposite) == pytest.approx(180.0, abs=1e-5)
    assert np.isnan(spatial_angle_deg(first, dict.fromkeys(LEADS, 0.0)))


def test_transition_is_where_r_equals_s():
    """V3: 0.6 / 1.4, V4: 1.6 / 2.0; the line between them is 1/2 at 3.19."""
    found = delineate(synthetic_beat(TIME), TIME)
    v3, v4 = 0.6 / 1.4, 1.6 / 2.0
    assert found.transition == pytest.approx(3 + (0.5 - v3) / (v4 - v3), abs=0.02)
    upside_down = delineate(-synthetic_beat(TIME), TIME)
    assert upside_down.transition == 1.0


def test_invariances():
    ecg = synthetic_beat(TIME)
    found = delineate(ecg, TIME)
    for scale in (0.6, 3.0):
        other = delineate(scale * ecg, TIME)
        assert other.onset_ms == pytest.approx(found.onset_ms, abs=1e-9)
        assert other.t_end_ms == pytest.approx(found.t_end_ms, abs=1e-6)
        assert other.qrs_axis_deg == pytest.approx(found.qrs_axis_deg, abs=1e-6)
        for name in COMPLEXES:
            waves = zip(found.leads[name].waves, other.leads[name].waves, strict=True)
            assert all(b.amplitude_mv == pytest.approx(scale * a.amplitude_mv) for a, b in waves)
    levels = np.linspace(-0.4, 0.4, 12)[:, None]
    later = delineate(ecg + levels, TIME + 123.0)
    assert later.onset_ms == pytest.approx(found.onset_ms + 123.0, abs=1e-9)
    features, shifted = beat_features(found), beat_features(later)
    np.testing.assert_allclose(list(shifted.values()), list(features.values()), atol=1e-6)


def test_a_lead_upside_down_has_the_same_times():
    ecg = synthetic_beat(TIME)
    found, turned = delineate(ecg, TIME), delineate(-ecg, TIME)
    assert turned.onset_ms == found.onset_ms and turned.offset_ms == found.offset_ms
    assert abs(turned.qrs_axis_deg - found.qrs_axis_deg) == pytest.approx(180.0)
    assert turned.qrs_t_angle_deg == pytest.approx(found.qrs_t_angle_deg)
    for name in COMPLEXES:
        a, b = found.leads[name], turned.leads[name]
        assert b.t.amplitude_mv == pytest.approx(-a.t.amplitude_mv)
        assert b.t.end_ms == pytest.approx(a.t.end_ms)
        for wave, other in zip(a.waves, b.waves, strict=True):
            assert other.amplitude_mv == pytest.approx(-wave.amplitude_mv)
            assert (other.start_ms, other.end_ms) == (wave.start_ms, wave.end_ms)


def test_sampling_at_500_hz_changes_little():
    fast, slow = time_axis(1.0), time_axis(2.0)
    a, b = (beat_features(delineate(synthetic_beat(t), t)) for t in (fast, slow))
    for name, value in a.items():
        if np.isnan(value):
            continue
        tolerance = 2.5 if "_ms" in name else 1.0 if "_deg" in name else 0.012
        assert b[name] == pytest.approx(value, abs=tolerance), name


def test_noise_of_an_averaged_beat():
    """5 uV RMS of white noise (a median of ten beats): the same waves, 4 ms, 25 uV, T end 8 ms."""
    ecg, generator = synthetic_beat(TIME), np.random.default_rng(11)
    clean = delineate(ecg, TIME)
    for _ in range(20):
        noisy = delineate(ecg + generator.normal(0, 0.005, ecg.shape), TIME)
        assert noisy.onset_ms == pytest.approx(clean.onset_ms, abs=4.0)
        assert noisy.offset_ms == pytest.approx(clean.offset_ms, abs=4.0)
        assert noisy.t_end_ms == pytest.approx(clean.t_end_ms, abs=8.0)
        for name in COMPLEXES:
            a, b = clean.leads[name], noisy.leads[name]
            assert [w.name for w in b.waves] == [w.name for w in a.waves]
            for wave, other in zip(a.waves, b.waves):
                assert other.amplitude_mv == pytest.approx(wave.amplitude_mv, abs=0.025)
            assert b.t.amplitude_mv == pytest.approx(a.t.amplitude_mv, abs=0.025)


def waves_of(*points):
    """Waves of a lead that runs from point to point (ms, mV)."""
    time = np.arange(0.0, 200.0, 0.5)
    x = np.interp(time, *np.array(points).T)
    return qrs_waves(time, x, points[0][0], points[-1][0])


def test_names_of_waves():
    def names(*points):
        return " ".join(wave.name for wave in waves_of((20, 0), *points))

    assert names((60, -1), (100, 0)) == "QS"
    assert names((30, -0.2), (40, 0), (60, 1), (80, 0), (100, 0)) == "Q R"
    assert names((30, 0.3), (40, 0), (55, -1), (70, 0), (85, 0.5), (100, 0)) == "R S R'"
    assert names((60, 0.02), (100, 0)) == ""
    # 10 ms and 29 uV are no waves; a notch that touches the level parts nothing
    assert names((25, -0.2), (30, 0), (60, 1), (100, 0)) == "R"
    assert names((35, -0.029), (50, 0), (70, 1), (100, 0)) == "R"
    assert names((40, 1), (58, 0), (60, -0.01), (62, 0), (80, 1), (100, 0)) == "R"
    # a rise to a raised ST segment is no R' wave, a terminal wave is one
    assert names((40, 0.5), (60, 0), (70, -0.6), (85, 0), (100, 0.2)) == "R S"
    assert names((40, 0.5), (60, 0), (70, -0.6), (85, 0), (94, 0.3), (100, 0.2)) == "R S R'"


def test_st_segment():
    ecg = synthetic_beat(TIME)
    raised = np.interp(TIME, [10, 100, 160, 220], [0, 0.2, 0.1, 0])
    beat = delineate(ecg + raised, TIME).leads["V2"]
    assert beat.j_mv == pytest.approx(0.2, abs=0.02)
    assert beat.st60_mv == pytest.approx(0.1, abs=0.02)


def test_features_of_the_synthetic_beat():
    values = beat_features(delineate(synthetic_beat(TIME), TIME))
    assert values["r_mv_v1"] == pytest.approx(0.2, abs=0.005)
    assert values["s_mv_v1"] == pytest.approx(1.0, abs=0.005)
    assert values["sokolow_lyon_mv"] == pytest.approx(1.0 + 1.5, abs=0.01)
    assert values["r_fraction_v5"] == pytest.approx(1.5 / 1.6, abs=0.01)
    assert values["q_widest_ms"] == pytest.approx(20.0, abs=2.5)
    assert values["q_ms_v2"] == 0 and values["q_ms_v4"] == pytest.approx(15.0, abs=2.5)
    assert has_normal_r_in_v1(values) and has_concordant_t(values)
    values = beat_features(delineate(-synthetic_beat(TIME), TIME))
    assert not has_normal_r_in_v1(values) and not has_concordant_t(values)


def test_vertex_and_areas_are_exact_for_parabolas_and_lines():
    time = np.arange(0.0, 20.0, 2.0)
    assert vertex(time, 3 - (time - 8.7) ** 2, 4) == pytest.approx((8.7, 3.0))
    assert areas(time, 2 * time[None], 1.0, 7.5)[0] == pytest.approx(7.5**2 - 1.0)


def test_bad_beats():
    ecg = synthetic_beat(TIME)
    with pytest.raises(BadInput, match="shape"):
        delineate(ecg[:8], TIME)
    with pytest.raises(BadInput, match="flat"):
        delineate(0 * ecg, TIME)
    with pytest.raises(BadInput, match="NaN"):
        delineate(np.where(ecg > 1, np.nan, ecg), TIME)
