"""Kinds of beats, pacing spikes, P waves and noise, in recordings known by construction."""

import numpy as np
import pytest
from helpers.ecg import synthetic_beat, synthetic_leads, time_axis

from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS
from einthoven.data.dataset.loaders import open_dataset
from einthoven.data.dataset.sample import sample
from einthoven.physics.ecg.beats import AveragedBeat, representative_beat
from einthoven.physics.ecg.delineation.delineate import delineate
from einthoven.physics.ecg.delineation.t_wave import FOOT_MS, TWave, global_end
from einthoven.physics.ecg.features import beat_features
from einthoven.physics.ecg.leads import all_leads
from einthoven.physics.ecg.recordings.aligned import looks_like_fibrillation

RR_MS, N_BEATS, FIRST_MS = 900.0, 9, 400.0
P_PEAK_MS, P_SD_MS = -130.0, 18.0
"""From the QRS onset."""
DELAY_MS = 10.0
"""From a pacing spike to the QRS onset."""
P_MV = {"I": 0.06, "II": 0.12, "V1": 0.05, "V2": 0.06, "V3": 0.05, "V4": 0.05, "V5": 0.05,
        "V6": 0.04}  # fmt: skip
WIDE = {
    "I": ((150, 0.9),), "II": ((150, -0.8),), "V1": ((40, 0.3), (110, -1.3)), "V2": ((150, -2.0),),
    "V3": ((150, -1.6),), "V4": ((150, -0.8),), "V5": ((150, 0.6),), "V6": ((150, 0.9),),
}  # fmt: skip


def p_waves(time, onset):
    wave = np.exp(-(((time - onset - P_PEAK_MS) / P_SD_MS) ** 2) / 2)
    return all_leads(np.outer(list(P_MV.values()), wave))


def rhythm(onsets, rate_hz=1000.0, noise_mv=0.0, p=True, wide=()):
    """[12, time] mV with a QRS at each onset; those of `wide` are ectopic."""
    time = np.arange(0.0, max(onsets) + 700.0, 1000.0 / rate_hz)
    ecg = np.zeros((12, len(time)))
    for k, onset in enumerate(onsets):
        changes = {"complexes": WIDE} if k in wide else {}
        ecg += all_leads(np.array(list(synthetic_leads(time, onset=onset, **changes).values())))
        if p and k not in wide:
            ecg += p_waves(time, onset)
    return ecg + all_leads(np.random.default_rng(7).normal(0, noise_mv, (8, len(time))))


def regular(**changes):
    return rhythm(FIRST_MS + RR_MS * np.arange(N_BEATS), **changes)


def delineated(ecg, rate_hz=1000.0):
    beat = representative_beat(ecg, rate_hz)
    return beat, delineate(beat.ecg, beat.time, beat.rr_ms)


@pytest.mark.parametrize("noise_uv, tolerance", [(0, 1.0), (10, 4.0), (20, 5.0)])
@pytest.mark.parametrize("rate_hz", [250.0, 500.0, 1000.0])
def test_qrs_p_and_t_in_noise(noise_uv, tolerance, rate_hz):
    """White noise of 10 and 20 uV RMS in each of nine beats; onset and end 4 ms outside corners."""
    beat, found = delineated(regular(rate_hz=rate_hz, noise_mv=noise_uv / 1000), rate_hz)
    zero = float(np.median(np.mod(beat.peaks_ms - FIRST_MS, RR_MS)))
    slack = tolerance + 1000.0 / rate_hz / 2
    assert beat.n_beats >= N_BEATS - 2 and beat.n_others == 0 and beat.n_spikes == 0
    assert found.onset_ms + zero == pytest.approx(-4.0, abs=slack)
    assert found.offset_ms + zero == pytest.approx(90.0 + 4.0, abs=slack)
    assert found.t_end_ms + zero == pytest.approx(370.0 + FOOT_MS, abs=2 * slack)
    assert found.p.peak_ms + zero == pytest.approx(P_PEAK_MS, abs=2 * slack)
    assert found.p_ms == pytest.approx(4.4 * P_SD_MS, abs=16.0 + noise_uv)
    assert found.pr_ms == pytest.approx(-P_PEAK_MS + 2.2 * P_SD_MS + 4.0, abs=12.0 + noise_uv / 2)


def test_p_wave_of_each_lead():
    """Amplitudes from the line between its ends, which take 2 to 3 % of a Gaussian's height."""
    _, found = delineated(regular())
    values = beat_features(found)
    for name, height in P_MV.items():
        assert values[f"p_mv_{name.lower()}"] == pytest.approx(height, rel=0.15)
    assert found.p.amplitudes_mv[LEADS.index("aVR")] < 0
    lead_i, lead_ii = P_MV["I"], P_MV["II"]
    truth = np.degrees(np.arctan2((lead_ii - lead_i / 2) * 2 / np.sqrt(3), lead_i))
    assert values["p_axis_deg"] == pytest.approx(truth, abs=1.0)


def test_no_p_wave_is_found_where_there_is_none():
    _, found = delineated(regular(p=False, noise_mv=0.02))
    assert found.p is None
    values = beat_features(found)
    assert all(np.isnan(values[name]) for name in ("p_ms", "pr_ms", "p_axis_deg", "p_mv_ii"))
    time = time_axis()
    assert delineate(synthetic_beat(time), time).p is None


def test_irregular_cycles_without_p_waves_look_like_fibrillation():
    cycles = np.random.default_rng(3).uniform(550.0, 1100.0, 10)
    onsets = FIRST_MS + np.cumsum(cycles)
    for p in (False, True):
        beat, found = delineated(rhythm(onsets, p=p))
        assert beat.irregularity > 0.15
        assert looks_like_fibrillation(beat, found) == (not p)
    assert delineated(regular(p=False))[0].irregularity < 0.01


def test_kinds_of_beats():
    """Ectopic beats are another kind, whichever is the first; the most frequent one is averaged."""
    pure, _ = delineated(regular())
    mixed, found = delineated(regular(wide=(0, 1, 4)))
    assert mixed.n_others >= 2 and len(mixed.others) == 1
    np.testing.assert_allclose(mixed.ecg, pure.ecg, atol=0.02)
    assert mixed.irregularity < 0.01  # the cycles around ectopic beats do not count
    assert "2 beats of other shapes" in " ".join(mixed.warnings) or mixed.n_others == 3
    wide, broad = delineated(regular(wide=range(6)))
    assert wide.n_beats > wide.n_others and broad.qrs_ms == pytest.approx(158.0, abs=4.0)
    assert found.qrs_ms == pytest.approx(98.0, abs=2.0)


def test_noise_alone_has_no_two_alike_beats():
    noise = np.random.default_rng(5).normal(0, 0.3, (12, 5000))
    with pytest.raises(BadInput, match="alike"):
        representative_beat(noise, 500.0)


def spikes(time, at, height, tail_ms):
    """Rise within a sample, exponential fall as recorders' filters leave it."""
    after = time - at
    return height * np.where(after >= 0, np.exp(-np.maximum(after, 0) / tail_ms), 0.0)


@pytest.mark.parametrize("rate_hz", [500.0, 1000.0, 2000.0])
@pytest.mark.parametrize("tail_ms", [0.5, 2.0, 4.0])
@pytest.mark.parametrize("height", [0.4, 2.0])
def test_pacing_spikes_are_found_and_removed(rate_hz, tail_ms, height):
    """All spikes and no others; the QRS begins with the spike or after it, and ends as without."""
    onsets = FIRST_MS + RR_MS * np.arange(N_BEATS)
    clean = rhythm(onsets, rate_hz, 0.005, p=False, wide=range(N_BEATS))
    time = np.arange(clean.shape[1]) * 1000.0 / rate_hz
    paced = clean + sum(spikes(time, onset - DELAY_MS, height, tail_ms) for onset in onsets)
    truth, without = delineated(clean, rate_hz)
    beat, found = delineated(paced, rate_hz)
    assert truth.n_spikes == 0 and beat.n_spikes == N_BEATS
    np.testing.assert_allclose(beat.spikes_ms, onsets - DELAY_MS, atol=4.0)
    onset, end = (np.median(np.mod(beat.peaks_ms - FIRST_MS, RR_MS)) + at
                  for at in (found.onset_ms, found.offset_ms))  # fmt: skip
    assert -DELAY_MS - 10.0 <= onset <= 4.0
    assert end == pytest.approx(154.0, abs=6.0)
    assert f"{N_BEATS} pacing spikes" in " ".join(beat.warnings)


def test_simulated_beats_in_a_row_have_no_spikes():
    """They are as steep as spikes are, without noise or a P wave; cycle length 1 s, from rest."""
    data = open_dataset(sample())["ecg"].isel(patient=0)
    time = data["time"].values
    for scenario in data["scenario"].values:
        ecg = data["ecg"].sel(scenario=scenario).values.astype(float)
        padded = np.zeros((12, 1000))
        padded[:, : ecg.shape[1]] = ecg
        beat, found = delineated(np.tile(padded, 9))
        assert beat.n_spikes == 0, scenario
        alone = delineate(ecg, time)
        assert found.qrs_ms == pytest.approx(alone.qrs_ms, abs=1.5)
        highest = np.abs(beat.ecg - beat.ecg[:, :1]).max(axis=1)
        np.testing.assert_allclose(highest, np.abs(ecg - ecg[:, :1]).max(axis=1), atol=0.01)


def test_two_disturbances_are_no_pacing():
    ecg = regular(noise_mv=0.005)
    time = np.arange(ecg.shape[1])
    spoiled = ecg + spikes(time, 1250.0, 1.0, 1.0) + spikes(time, 4000.0, 1.0, 1.0)
    assert representative_beat(spoiled, 1000.0).n_spikes == 0


def test_a_disturbance_ten_times_as_steep_hides_no_beat():
    ecg = regular(noise_mv=0.005)
    ecg[:, -60:] += np.linspace(0, 20.0, 60)
    assert representative_beat(ecg, 1000.0).n_beats >= N_BEATS - 2


def test_leads_in_another_order_have_the_same_ends():
    beat, found = delineated(regular(noise_mv=0.01))
    order = [0, 1, 2, 3, 4, 5, 11, 10, 9, 8, 7, 6]  # V1 to V6 the other way round
    other = delineate(beat.ecg[order], beat.time, beat.rr_ms)
    for name in ("onset_ms", "offset_ms", "t_end_ms", "t_peak_ms", "p_ms"):
        assert getattr(other, name) == pytest.approx(getattr(found, name), abs=1e-9)


def test_last_end_that_leads_agree_on():
    def waves(*ends):
        return [TWave(0.3, 200.0, 0.0, end) for end in ends]

    agreeing = waves(300.0, 305.0, 308.0, 311.0, 380.0)
    assert global_end(agreeing, 1.0) == 311.0 + FOOT_MS  # 380 has no neighbour
    assert global_end([*agreeing, *[TWave(0.02, 200.0, 0.0, 390.0)] * 4], 1.0) == 311.0 + FOOT_MS
    assert global_end(waves(300.0, 340.0, 380.0), 1.0) == 340.0 + FOOT_MS
    assert global_end([None, *waves(np.nan)], 1.0) == 1.0


def test_a_single_beat_has_no_cycle():
    time = time_axis()
    beat = representative_beat(synthetic_beat(time), 1000.0)
    assert isinstance(beat, AveragedBeat) and beat.rr_ms is None and beat.warnings == ()
    assert np.isnan(beat.irregularity)
