"""Amplitude response, quantisation and Einthoven's law of the recorder."""

import numpy as np
import pytest
from pydantic import ValidationError

from einthoven.base.config.recording import RecordingSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.recorder.electrocardiograph import RATE_HZ, Electrocardiograph


def recorder(**settings):
    return Electrocardiograph(RecordingSettings(**settings))


def gain(frequency_hz, seconds=80.0, **settings):
    """Amplitude of a sine after the filters, over that before, in the middle of a record."""
    time = np.arange(0.0, seconds, 1.0 / RATE_HZ)
    wave = np.exp(2j * np.pi * frequency_hz * time)
    device = recorder(**settings)
    through = device.filtered(wave.real) + 1j * device.filtered(wave.imag)
    return np.abs(through[len(time) // 2 : -len(time) // 4]).mean()


@pytest.mark.parametrize("zero_phase", [False, True])
@pytest.mark.parametrize("corner", [{"high_pass_hz": 0.5}, {"high_pass_hz": 0.05},
                                    {"low_pass_hz": 40.0}, {"low_pass_hz": 100.0},
                                    {"low_pass_hz": 150.0}])  # fmt: skip
def test_gain_at_the_corner_is_minus_3_db(corner, zero_phase):
    (hz,) = corner.values()
    off = {"high_pass_hz": 0.0, "low_pass_hz": 0.0}
    found = gain(hz, **off | corner, zero_phase=zero_phase, seconds=160.0)
    assert found == pytest.approx(np.sqrt(0.5), abs=0.01)


@pytest.mark.parametrize("hz", [0.67, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0])
def test_the_default_passes_what_diagnostic_recorders_must_pass(hz):
    """Amplitude within 10 % from 0.67 to 40 Hz, as IEC 60601-2-25 asks for."""
    assert gain(hz) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("hz, least", [(100.0, 0.7), (150.0, 0.7)])
def test_the_default_loses_no_more_than_allowed_above(hz, least):
    assert least <= gain(hz, seconds=20.0) <= 1.1


def test_an_impulse_leaves_no_more_of_an_offset_than_allowed():
    """After 3 mV for 100 ms the offset is below 0.1 mV and returns by less than 0.3 mV/s."""
    time = np.arange(-1.0, 4.0, 1.0 / RATE_HZ)
    after = recorder().filtered(np.where((time >= 0) & (time < 0.1), 3.0, 0.0))[time > 0.2]
    assert np.abs(after).max() < 0.1
    assert np.abs(np.diff(after)).max() * RATE_HZ < 0.3


def test_the_notch_takes_mains_away_and_leaves_its_neighbours():
    settings = {"notch": True, "low_pass_hz": 0.0}
    assert gain(50.0, **settings) < 0.01
    assert gain(40.0, **settings) == pytest.approx(1.0, abs=0.03)
    assert gain(60.0, **settings, mains_hz=60) < 0.01


def test_filters_that_run_both_ways_do_not_delay():
    time = np.arange(0.0, 4.0, 1.0 / RATE_HZ)
    pulse = np.exp(-(((time - 2.0) / 0.01) ** 2))
    peaks = [int(np.argmax(recorder(zero_phase=zero, low_pass_hz=40.0).filtered(pulse)))
             for zero in (False, True)]  # fmt: skip
    assert peaks[1] == 2000 < peaks[0]


def test_without_filters_samples_stay_as_they_are():
    leads = np.random.default_rng(1).standard_normal((8, 1000))
    device = recorder(high_pass_hz=0.0, low_pass_hz=0.0, rate_hz=250)
    assert np.array_equal(device.sampled(device.filtered(leads)), leads[:, ::4])


def test_counts_obey_einthoven_and_are_within_half_a_count():
    leads = np.random.default_rng(2).standard_normal((8, 500))
    counts = recorder(lsb_uv=5.0).counts(leads).astype(int)
    rows = dict(zip(LEADS, counts))
    assert np.array_equal(rows["I"] + rows["III"], rows["II"])
    assert np.abs(rows["aVR"] + rows["aVL"] + rows["aVF"]).max() <= 1
    errors = np.array([rows["I"], rows["II"], rows["V6"]]) * 0.005 - leads[[0, 1, 7]]
    assert np.abs(errors).max() <= 0.0025 + 1e-12
    assert errors.std() == pytest.approx(0.005 / np.sqrt(12), rel=0.05)


def test_what_16_bits_do_not_hold_is_refused():
    with pytest.raises(BadInput, match="lsb_uv: 1 uV in 16 bits hold 33 mV, the leads reach 40"):
        recorder(lsb_uv=1.0).counts(np.full((8, 3), 40.0))


def test_a_low_pass_beyond_the_rate_is_refused():
    with pytest.raises(ValidationError, match="150 is not below half of rate_hz"):
        RecordingSettings(rate_hz=250)
