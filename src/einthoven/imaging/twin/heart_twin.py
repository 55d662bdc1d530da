"""A twin of an ECG on a heart: a search among simulated beats, then a fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from einthoven.base.config import Config
from einthoven.base.core import check
from einthoven.base.core.log import step
from einthoven.base.core.names import INDEPENDENT_ROWS, LEADS, STANDARD_ELECTRODES
from einthoven.base.core.seeds import generator
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.data.patient.patient import Patient
from einthoven.imaging.corpus.beat_parameters import BeatParameters
from einthoven.imaging.corpus.simulator import Simulator
from einthoven.imaging.twin.beat_search import Candidate, SearchSettings, TwinTarget, search
from einthoven.imaging.twin.forward import SIGMAS, ForwardModel
from einthoven.imaging.twin.prior import TwinSettings
from einthoven.imaging.twin.wave import SPEEDS, WaveModel
from einthoven.imaging.twin.wave_twin import Twin, fit_twin

ABOUT = TwinSettings(onset_sd_ms=2.0, log_speed_sd=0.1, log_sigma_sd=0.1, log_gain_sd=0.05,
                     max_steps=10)  # fmt: skip
"""Settings of the fit from the best beat of the search; chosen on validation hearts."""
MODEL_SD_MS = 1.5
"""SD of errors that all candidates share, such as Purkinje trees; chosen on validation hearts."""
SEARCHED = SearchSettings()


@dataclass(frozen=True, eq=False)
class HeartTwin:
    """A twin and the beats of the search."""

    twin: Twin
    """Fitted from the first candidate."""
    candidates: tuple[Candidate, ...]
    """Best first."""
    times: np.ndarray
    """[75] ms of the twin at the recording points."""
    sds: np.ndarray
    """[75] ms: that of Laplace's approximation, the SD of the candidates and `MODEL_SD_MS`, as
    independent; too small if the true pattern is not among the candidates."""


@dataclass(frozen=True, eq=False)
class TwinMaker:
    """A heart for which twins are fitted."""

    patient: Patient
    """Patient with anatomy, mesh, fibres, ventricular coordinates and Purkinje trees."""
    grad: np.ndarray
    """[9, cell, 3] kOhm/mm, in the order of `core.names.STANDARD_ELECTRODES`."""
    config: Config
    """Sections activation and leadfield (centre of the prior) and imaging (ranges of the
    search)."""
    simulator: Simulator
    """Simulator of the heart."""

    @classmethod
    def of(cls, patient: Patient, grad: np.ndarray, config: Config) -> Self:
        """The maker of a patient's twins.

        Raises:
            BadInput: a stage is missing, shapes that do not fit, or plateaus that differ.
        """
        config.repolarisation.with_one_plateau("twin")
        return cls(patient, grad, config, Simulator.of(patient, {"": grad}, config.activation))

    def fit(
        self,
        ecg: np.ndarray,
        time: np.ndarray,
        searched: SearchSettings = SEARCHED,
        about: TwinSettings = ABOUT,
        first: Sequence[BeatParameters] = (),
    ) -> HeartTwin:
        """The twin of one QRS.

        Args:
            ecg: [12, time] mV in the order of `core.names.LEADS`, baseline at zero, QRS only.
            time: [time] whole ms, step 1; the first activation is at zero, up to the shift that
                the settings allow.
            searched: settings of the search. about: settings of the fit.
            first: beats that begin the search, such as `posterior_beats`; none: from the ranges
                of section imaging.

        Raises:
            BadInput: shapes that do not fit, NaN, or a flat ECG.
        """
        check.shape("ecg", check.finite("ecg", ecg), (len(LEADS), len(time)))
        # a twin is fitted on the heart's own trees, so its beats have no early sites of their own
        section = self.config.imaging.model_copy(update={"people": False})
        name = self.patient.name
        drawn = [BeatParameters.draw(section, generator(searched.seed, name, "twin", k))
                 for k in range(0 if first else searched.n_first)]  # fmt: skip
        target = TwinTarget(self.simulator, "", ecg[INDEPENDENT_ROWS].astype(float), time, searched)
        candidates = search(target, [*first, *drawn], section)
        step("fitting the wavefront")
        nine = np.array(STANDARD_ELECTRODES)
        fields = LeadFieldGradients(nine, np.zeros((len(nine), 3)), self.grad)
        forward = ForwardModel.of(self.patient, fields, self.config.leadfield, time)
        wave = WaveModel(self.patient, self.config.activation)
        twin = fit_twin(wave, forward, ecg, candidates[0].tau, about, self._logs(candidates[0]))
        weights = self.simulator.points.weights
        among = np.std([candidate.times for candidate in candidates], axis=0, ddof=1)
        sds = np.sqrt(twin.sd_of(weights) ** 2 + among**2 + MODEL_SD_MS**2)
        return HeartTwin(twin, tuple(candidates), weights @ twin.activation_time, sds)

    def _logs(self, candidate: Candidate) -> np.ndarray:
        """[7] logarithms of speeds and sigmas over the settings', and of the gain."""
        settings = [getattr(self.config.activation, f"{name}_mm_per_ms") for name in SPEEDS]
        settings += [getattr(self.config.leadfield, f"{name}_s_per_m") for name in SIGMAS]
        values = [getattr(candidate.case, name) for name in (*SPEEDS, *SIGMAS)]
        return np.r_[np.log(np.array(values) / settings), candidate.log_gain]
