"""Recordings of simulated patients: beats of a rhythm, noise at the electrodes, the recorder."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from einthoven.base.config.recording import RecordingSettings
from einthoven.base.config.section import builtins_of
from einthoven.base.core.beat_train import beat_train
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import INDEPENDENT_ROWS, LEADS, STANDARD_ELECTRODES
from einthoven.base.core.seeds import generator
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.recorded import RecordedEcg
from einthoven.physics.ecg.leads import lead_matrix
from einthoven.physics.ecg.recorder.electrocardiograph import (
    RATE_HZ,
    SETTLING_S,
    Electrocardiograph,
)
from einthoven.physics.ecg.recorder.electrode_noise import ElectrodeNoise
from einthoven.physics.ecg.recorder.rhythm import BeatTimes, beat_times, with_ectopics

EDGE_S = 0.5
"""Potentials after the recording that its anti-aliasing filter needs."""


def record_ecg(
    patient: Patient, scenario: str, settings: RecordingSettings, sex: str | None = None
) -> RecordedEcg:
    """The recording of a simulated patient, as an electrocardiograph stores it.

    The beat of the scenario is repeated with heart-rate variability; it is always the same beat,
    with the QT interval of its cycle length. Noise is that of the nine electrodes, so that leads
    obey Einthoven's law. A patient's noise levels are those of all its scenarios.

    Args:
        patient: with ECG and activation.
        scenario: to record.
        settings: rhythm, noise and recorder; levels are those of the median patient.
        sex: female or male, to be stated in the file.

    Returns:
        The recording and the times of its beats.

    Raises:
        BadInput: no such scenario, too many premature beats or too early ones, or potentials that
            the resolution cannot hold.
    """
    recorder = Electrocardiograph(settings)
    rhythm = _Rhythm.of(patient, scenario, settings)
    times = np.arange(rhythm.start_ms, rhythm.end_ms)
    potential = rhythm.potential(times)
    draws = generator(settings.seed, patient.name, "recording", scenario, "noise")
    potential += rhythm.noise.potential(draws, len(times), RATE_HZ, rhythm.breath_at_start)[0]
    leads = lead_matrix(STANDARD_ELECTRODES)[INDEPENDENT_ROWS] @ potential
    # settled before, and cut to the duration
    first, n_samples = round(SETTLING_S * settings.rate_hz), settings.n_samples
    sampled = recorder.sampled(recorder.filtered(leads))[:, first : first + n_samples]
    counts = recorder.counts(sampled)
    beats, names = rhythm.recorded(1000.0 * settings.duration_s)
    return RecordedEcg(
        patient=patient.name,
        scenario=scenario,
        lead=np.array(LEADS),
        recorded_ecg=(counts * (settings.lsb_uv / 1000.0)).astype(np.float32),
        beat_time=beats,
        beat_scenario=names,
        rate_hz=float(settings.rate_hz),
        lsb_uv=settings.lsb_uv,
        settings=builtins_of(settings),
        sex=sex,
    )


@dataclass(frozen=True, eq=False)
class BeatAtElectrodes:
    """One simulated beat at the nine electrodes.

    Attributes:
        scenario: its name. time: [time] ms from the first activation.
        potential: [9, time] mV, in the order of `STANDARD_ELECTRODES`.
        cycle_length_ms: of the person, or of the cells.
    """

    scenario: str
    time: np.ndarray
    potential: np.ndarray
    cycle_length_ms: float

    @classmethod
    def of(cls, patient: Patient, scenario: str) -> Self:
        """The beat of a scenario in a patient's ECG.

        Raises:
            BadInput: no such scenario, or an electrode is missing.
        """
        ecg = patient.ecg
        known, names = ecg.scenario.tolist(), ecg.electrode_names.tolist()
        if scenario not in known:
            raise BadInput(f"{patient.name}: no ECG of {scenario!r}; there are {', '.join(known)}; "
                           "add it to ecg.scenarios")  # fmt: skip
        if missing := [name for name in STANDARD_ELECTRODES if name not in names]:
            raise BadInput(f"{patient.name}: no electrode {', '.join(missing)}; "
                           "a recording needs all nine")  # fmt: skip
        rows = [names.index(name) for name in STANDARD_ELECTRODES]
        potential = ecg.electrode_potential[known.index(scenario)][rows].astype(np.float64)
        return cls(scenario, ecg.time, potential, patient.cycle_length_ms(scenario))


@dataclass(frozen=True, eq=False)
class _Rhythm:
    """Beats of one recording and its respiration."""

    noise: ElectrodeNoise
    beat: BeatAtElectrodes
    premature: BeatAtElectrodes | None
    times: BeatTimes
    start_ms: float
    end_ms: float
    breath: float
    """Phase of respiration at the first sample, rad."""

    @classmethod
    def of(cls, patient: Patient, scenario: str, settings: RecordingSettings) -> Self:
        """The rhythm of a patient's scenario, from before the recording until after it."""
        beat, seed, name = BeatAtElectrodes.of(patient, scenario), settings.seed, patient.name
        draws = generator(seed, name, "recording", "levels")
        noise = ElectrodeNoise.of_patients(settings, draws)
        spread = np.exp(settings.sdnn_spread * draws.standard_normal())
        sdnn = 0.0 if settings.is_regular(scenario) else settings.sdnn_ms * spread
        rate = settings.heart_rate_per_min
        rr = beat.cycle_length_ms if rate is None else 60_000.0 / rate
        after_s = SETTLING_S if settings.zero_phase else EDGE_S
        span = -1000.0 * SETTLING_S, 1000.0 * (settings.duration_s + after_s)
        draws = generator(seed, name, "recording", scenario, "rhythm")
        breath, breath_hz = draws.uniform(0.0, 2 * np.pi), float(noise.respiration_hz[0])
        times = beat_times(settings, draws, (rr, sdnn), span, (breath_hz, breath))
        premature = None
        if settings.ectopic is not None:
            premature = BeatAtElectrodes.of(patient, settings.ectopic)
            times = with_ectopics(times, settings, draws)
        return cls(noise, beat, premature, times, *span, breath)

    @property
    def breath_at_start(self) -> np.ndarray:
        """[1] rad, phase of respiration at the first time."""
        return self.breath + 2e-3 * np.pi * self.noise.respiration_hz * self.start_ms

    def potential(self, times: np.ndarray) -> np.ndarray:
        """Potentials [9, time] mV of all beats at some times, ms."""
        total = beat_train(self.beat.time, self.beat.potential, self.times.normal, times)
        if self.premature is not None:
            wave = self.premature
            total += beat_train(wave.time, wave.potential, self.times.ectopic, times)
        return total

    def recorded(self, duration_ms: float) -> tuple[np.ndarray, np.ndarray]:
        """Times of the beats in the recording, ms, and the scenario of each."""
        beats = np.concatenate([self.times.normal, self.times.ectopic])
        other = self.premature.scenario if self.premature else ""
        names = np.array([self.beat.scenario] * len(self.times.normal)
                         + [other] * len(self.times.ectopic))  # fmt: skip
        order = np.argsort(beats)
        order = order[(beats[order] >= 0.0) & (beats[order] < duration_ms)]
        return beats[order], names[order]
