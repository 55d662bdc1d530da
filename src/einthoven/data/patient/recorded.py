"""Recording of a simulated patient: recording_{scenario}.npz, and the same as a WFDB record."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from einthoven.base.core.files import atomic
from einthoven.data.patient.stage import Stage

FORMAT = "16"
"""Samples of 16 bits, little-endian (physionet.org/physiotools/wag/signal-5.htm)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class RecordedEcg(Stage):
    """Twelve leads as an electrocardiograph stores them of a simulated patient."""

    stage = "recording"
    of_some = frozenset({"sex"})

    lead: np.ndarray
    """[lead]."""
    recorded_ecg: np.ndarray
    """[lead, sample] mV float32, multiples of the resolution."""
    beat_time: np.ndarray
    """[beat] ms from the first sample to the first activation of each beat."""
    beat_scenario: np.ndarray
    """[beat] scenario that each beat is of: the recorded one, or that of premature beats."""
    scenario: str
    rate_hz: float
    lsb_uv: float
    """Resolution, uV."""
    settings: Mapping[str, Any] | None = None
    """The section `recording`."""
    sex: str | None = None
    """Female or male, where known."""

    @property
    def counts(self) -> np.ndarray:
        """Stored numbers [lead, sample] int16."""
        return np.rint(1000.0 * self.recorded_ecg.astype(float) / self.lsb_uv).astype(np.int16)

    def write_wfdb(self, header: str | Path) -> None:
        """Write the recording as a WFDB record: PATH.hea and, beside it, PATH.dat.

        The header's comments state scenario, software and, where known, the sex.

        Args:
            header: path of the header; its stem is the name of the record.
        """
        import wfdb  # slow: it loads pandas

        header = Path(header)
        comments = [f"simulated by einthoven: {self.patient}, scenario {self.scenario}"]
        comments += [f"sex: {self.sex}"] if self.sex else []
        n_leads = len(self.lead)
        with TemporaryDirectory() as folder:
            wfdb.wrsamp(
                header.stem, fs=self.rate_hz, units=["mV"] * n_leads, sig_name=self.lead.tolist(),
                d_signal=self.counts.T.astype(np.int64), fmt=[FORMAT] * n_leads,
                adc_gain=[1000.0 / self.lsb_uv] * n_leads, baseline=[0] * n_leads,
                comments=comments, write_dir=folder,
            )  # fmt: skip
            # the header last: readers look for it first
            for path in (header.with_suffix(".dat"), header):
                with atomic(path) as temporary:
                    temporary.write_bytes((Path(folder) / path.name).read_bytes())
