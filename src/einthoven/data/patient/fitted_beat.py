"""The sinus beat of a drawn person on a patient's body, as wave and cells."""

from dataclasses import dataclass

import numpy as np

from einthoven.data.patient.stage import Stage


@dataclass(frozen=True, eq=False, kw_only=True)
class FittedBeat(Stage):
    """Activation and cells that were fitted to a drawn beat."""

    stage = "beat"

    fitted_time: np.ndarray
    """[heart node] ms, activation of the scenario `sinus`; the least is zero."""
    apd90: np.ndarray
    """[heart node] ms, in all scenarios."""
    low_plateau: np.ndarray
    """[heart node] share of the low plateau, 0 to 1, in all scenarios."""
    sigma_il_s_per_m: float
    sigma_it_s_per_m: float
    """Intracellular conductivities of the sources, before `gain`."""
    gain: float
    """Factor on the sources: what tissue and torso of this person do beyond the model's."""
    qrs_correlation: float
    """Correlation with the drawn QRS."""
    onsets_sd: float
    """Root mean square of the onsets about a wave of five sites, in SDs of 4 ms."""
    st_rms_mv: float
    """Error in the ST segment, all leads."""
    t_rms_mv: float
    """Error in the T wave, all leads."""
