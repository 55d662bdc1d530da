"""Contributions and activation times of regions as tables and as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tabulate import tabulate

from einthoven.app.analysis.contributions import ATRIA, WHOLE, Contributions, RegionActivation
from einthoven.base.core.names import LEADS
from einthoven.base.plots.contributions import contributions_figure
from einthoven.base.plots.style import write_figures
from einthoven.data.patient.stages import Ecg

SAME_ECG_MV = 1e-3
"""Stored ECGs are in single precision; a larger difference means another config or mesh."""

FROM_MS = -5.0
"""Start of the picture, shortly before the first activation; with atria it shows all before."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """Decomposition of one ECG."""

    title: str
    """Patient and scenario."""
    parts: Contributions
    """Contributions of the regions."""
    activation: Sequence[RegionActivation]
    """Activation of the same regions, whole walls and surfaces."""

    def lead_table(self, lead: str, times: Sequence[float]) -> str:
        """Table of region and time for a lead, mV, with the sum and the lead itself; times in ms.

        Raises:
            BadInput: see `Contributions.at`.
        """
        values, whole = self.parts.at(lead, np.asarray(times, dtype=float))
        rows = [[name, *row] for name, row in zip(self.parts.regions, values)]
        rows += [["sum", *values.sum(axis=0)], [f"lead {lead}", *whole]]
        headers = [f"{lead} (mV) at ms", *(f"{moment:g}" for moment in times)]
        return f"{self.title}\n{tabulate(rows, headers, floatfmt='+.3f')}"

    def activation_table(self) -> str:
        """First, median and last activation of each region's wall and surfaces, ms."""
        headers = ["activation (ms)", "part", "nodes", "first", "median", "last"]
        rows = [list(vars(row).values()) for row in self.activation]
        return tabulate(rows, headers, floatfmt=".1f")

    def stored_line(self, stored: Ecg, scenario: str) -> str:
        """Difference of this ECG from the one stored in the patient's run, as one line."""
        if scenario not in stored.scenario or stored.time.shape != self.parts.time.shape:
            return f"no stored ECG of {scenario} on this time axis to compare with"
        row = stored.scenario.tolist().index(scenario)
        worst = float(np.abs(stored.ecg[row] - self.parts.ecg).max())
        cure = "" if worst < SAME_ECG_MV else "; made with another config (see --config)?"
        return f"largest difference from the stored ECG: {worst:.1e} mV{cure}"

    def write_picture(self, path: Path, leads: Sequence[str], until_ms: float) -> Path:
        """Draw the contributions to some leads up to a time, atomically; returns the path."""
        first = FROM_MS if ATRIA not in self.parts.regions else float(self.parts.time[0])
        shown = (self.parts.time >= first) & (self.parts.time <= until_ms)
        values = {lead: self.parts.values[:, LEADS.index(lead)][:, shown] for lead in leads}
        spans = dict.fromkeys(self.parts.regions, (np.nan,) * 3)  # for regions without nodes
        spans |= {row.region: (row.first, row.median, row.last)
                  for row in self.activation if row.part == WHOLE}  # fmt: skip
        figure = contributions_figure(self.parts.time[shown], values, self.parts.regions,
                                      np.array([*spans.values()]), self.title)  # fmt: skip
        write_figures({path.name: figure}, path.parent)
        return path
