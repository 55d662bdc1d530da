"""The digital twin of a recorded ECG on a given heart: the command `einthoven twin`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.base.config import Config
from einthoven.base.core.files import save_arrays, write_json, write_text
from einthoven.base.core.log import step
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.data.patient.patient import Patient
from einthoven.imaging.corpus.beat_parameters import BeatParameters
from einthoven.imaging.inputs.lead_fields import lead_fields_of
from einthoven.imaging.inputs.measures import clinical_measures
from einthoven.imaging.inputs.points import NAMES
from einthoven.imaging.model.imaged_ecg import ImagedEcg
from einthoven.imaging.model.imaging_model import ImagingModel
from einthoven.imaging.twin.beat_search import SearchSettings, posterior_beats
from einthoven.imaging.twin.heart_twin import ABOUT, HeartTwin, TwinMaker
from einthoven.physics.ecg.recordings.aligned import aligned_beat
from einthoven.physics.ecg.recordings.recording import Recording

BEFORE_MS, AFTER_MS = 10, 10
"""Fitted interval before the first activation and after the QRS."""
SEARCHED = SearchSettings(largest_log_gain=0.8, largest_shift_ms=8)
"""Settings for unknown torso conductivities and an unknown first activation."""
LOG_GAIN_SD, SHIFT_SD_MS = 0.4, 2.0
HEADER = "point,time_ms,sd_ms"
WARNING = (
    "Not a medical device. The twin is one of many activations with this ECG on this heart, among "
    "those of a simulator without infarct or scar; its SD are too small."
)
NOT_THE_BODY = (
    "maps are of the heart of {name}: unless it is the recorded person's, with the electrodes at "
    "their places, the twin makes up for the difference"
)


@dataclass(frozen=True, eq=False)
class RecordedTwin:
    """A twin and the recording that it was fitted to."""

    imaged: ImagedEcg
    """Map and out-of-distribution check of the ECG."""
    patient: str
    """Name of the heart's patient."""
    forward: str
    """Forward model, fem or operator."""
    time: np.ndarray
    """[time] ms from the expected first activation."""
    ecg: np.ndarray
    """[12, time] mV, as fitted."""
    heart_twin: HeartTwin
    """Heart twin with times on the same axis."""
    n_drawn: int = 0
    """Posterior cases that began the search; 0: cases of section imaging."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Hints on the recording, its check, the geometry, and the limits of use."""
        return (*self.imaged.warnings[:-1], NOT_THE_BODY.format(name=self.patient), WARNING)

    @property
    def searched_correlation(self) -> float:
        """Correlation of the best candidate's ECG, sqrt(1 - misfit^2) at its best gain."""
        return float(np.sqrt(max(0.0, 1.0 - self.heart_twin.candidates[0].misfit ** 2)))

    def line(self) -> str:
        """One line with correlations and the duration of activation."""
        times, twin = self.heart_twin.times, self.heart_twin.twin
        first, last = NAMES[int(times.argmin())], NAMES[int(times.argmax())]
        return (
            f"{self.imaged.recording.name} on the heart of {self.patient}: QRS of the twin and of "
            f"the recording correlate by {twin.correlation:.4f}, of the best simulated beat by "
            f"{self.searched_correlation:.4f}; activation lasts {np.ptp(times):.0f} ms, "
            f"from {first} to {last}"
        )

    def to_json(self) -> dict[str, Any]:
        """Content of twin.json."""
        twin = self.heart_twin.twin
        return {
            "recording": self.imaged.recording.name,
            "patient": self.patient,
            "forward": self.forward,
            "correlation": twin.correlation,
            "searched_correlation": self.searched_correlation,
            "pattern": self.heart_twin.candidates[0].case.pattern,
            "n_cases_of_posterior": self.n_drawn,
            "n_steps": twin.n_steps,
            "seconds": twin.seconds,
            "log_speeds": twin.parameters.log_speeds.tolist(),
            "log_sigmas": twin.parameters.log_sigmas.tolist(),
            "log_gain": twin.parameters.log_gain,
            "out_of_distribution": self.imaged.check.to_json(),
            "warnings": list(self.warnings),
        }

    def write(self, folder: str | Path) -> None:
        """Write twin.csv, twin.json and twin.npz, each atomically."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        triples = zip(NAMES, self.heart_twin.times, self.heart_twin.sds)
        rows = [f"{name},{at:.2f},{sd:.2f}" for name, at, sd in triples]
        write_text(folder / "twin.csv", "\n".join([HEADER, *rows]) + "\n")
        write_json(folder / "twin.json", self.to_json())
        twin = self.heart_twin.twin
        arrays = {"time": self.time, "ecg": self.ecg, "fitted": twin.ecg,
                  "activation_time": twin.activation_time,
                  "activation_sd": twin.activation_sd}  # fmt: skip
        save_arrays(folder / "twin.npz", arrays, patient=self.patient)


def fit_recorded_twin(
    recording: Recording, patient: Patient, config: Config, model: ImagingModel | None = None
) -> RecordedTwin:
    """Image a recording, and fit a twin on a heart to its QRS.

    Args:
        recording: see `ei.read_ecg`.
        patient: with anatomy, mesh, fibres, ventricular coordinates and Purkinje trees; without
            lead fields the shipped operator predicts them.
        config: as of `TwinMaker`.
        model: images and checks the ECG; draws of its posterior begin the search. None: the
            shipped one.

    Raises:
        BadInput: a stage or an electrode is missing, or as `ImagingModel.image` and
            `TwinMaker.fit`.
    """
    model = model or ImagingModel.load()
    beat, measures = aligned_beat(recording), clinical_measures(patient)
    imaged = model.image(beat, measures)
    patterns, parameters = model.beat_parameters(beat, measures, SEARCHED.n_first)
    return twin_of_beat(imaged, patient, config, posterior_beats(patterns, parameters))


def twin_of_beat(
    imaged: ImagedEcg, patient: Patient, config: Config, first: Sequence[BeatParameters] = ()
) -> RecordedTwin:
    """Fit a twin to the QRS of an imaged recording; patient and config as of `fit_recorded_twin`.

    The first activation and the amplitude are unknown. The QRS onset is put at its median delay;
    the search shifts beats about it, and the fit shifts all times together. The search begins with
    the cases `first`, or with those of section imaging.

    Raises:
        BadInput: a stage or an electrode is missing, or as `TwinMaker.fit`.
    """
    step("lead fields")
    forward, grad = _lead_fields(patient, config)
    delay = float(np.median(imaged.onset_delays_ms))
    n_times = round(BEFORE_MS + delay + imaged.beat.delineation.qrs_ms + AFTER_MS)
    time = np.arange(float(n_times)) - BEFORE_MS
    ecg = imaged.beat.window(delay + BEFORE_MS, n_times)
    about = replace(ABOUT, log_gain_sd=LOG_GAIN_SD, shift_sd_ms=SHIFT_SD_MS)
    twin = TwinMaker.of(patient, grad, config).fit(ecg, time, SEARCHED, about, first)
    return RecordedTwin(imaged, patient.name, forward, time, ecg, twin, len(first))


def _lead_fields(patient: Patient, config: Config) -> tuple[str, np.ndarray]:
    """Forward model and gradients: solved finite elements if there are any, else the operator."""
    stored = patient.has("lead_fields")
    solved = patient.lead_fields.electrode_names.tolist() if stored else []
    name = "fem" if set(STANDARD_ELECTRODES) <= set(solved) else "operator"
    return name, lead_fields_of(patient, config.leadfield, (name,))[name]
