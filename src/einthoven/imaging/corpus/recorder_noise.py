"""Simulated beats with the noise that is left in the mean beat of a recording."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from einthoven.base.config.recording import RecordingSettings
from einthoven.base.core.seeds import generator
from einthoven.imaging.corpus.corpus import N_TIMES
from einthoven.imaging.corpus.simulations import Simulations
from einthoven.physics.ecg.recorder.electrode_noise import mean_beat_noise

FEWEST_BEATS, MOST_BEATS = 6, 15
"""Averaged beats in ten seconds of the healthy adults of the fit (PTB-XL, LUDB)."""


def with_recorder_noise(beats: Simulations, recording: Mapping[str, Any], seed: int) -> Simulations:
    """The same beats, each with the noise of another recording; all forward models have the same.

    Noise depends on the seed, the patient and the number of the beat alone, so that more beats
    leave the first ones as they are.

    Args:
        beats: of one patient, without noise. recording: the section with the electrodes' noise;
            empty: no noise, and the beats themselves. seed: of all draws.
    """
    if not recording:
        return beats
    levels = RecordingSettings.model_validate(recording)
    time, noise = np.arange(float(N_TIMES)), np.empty((len(beats.ecg), 12, N_TIMES))
    for k, one in enumerate(noise):
        draws = generator(seed, beats.patient, "imaging", k, "noise")
        n_beats = draws.integers(FEWEST_BEATS, MOST_BEATS + 1, 1)
        one[:] = mean_beat_noise(levels, draws, time, n_beats)[0]
    return replace(beats, ecg=(beats.ecg + noise[:, None]).astype(np.float32))
