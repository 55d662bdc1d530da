"""Scar or ischaemia of a heart: tissue of each cell, and the labels that a data set needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from einthoven.base.config.load import section_of
from einthoven.base.config.substrate import N_AHA, SubstrateSettings
from einthoven.data.patient.stage import Stage

HEALTHY, BORDER, CORE = 0, 1, 2
"""Values of `Substrate.tissue`."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Substrate(Stage):
    """Scar or ischaemia of one heart; all zero in a patient who has neither."""

    stage = "substrate"

    tissue: np.ndarray
    """[heart cell] 0 healthy, 1 border zone, 2 core."""
    level: np.ndarray
    """[heart node] 0 healthy to 1 core; linear across the border zone."""
    settings: Mapping[str, Any]
    """The section `substrate` for this patient."""
    region: str = ""
    """Name of the region, such as LAD proximal; empty in healthy hearts."""
    core_ml: float = 0.0
    border_ml: float = 0.0
    lv_percent: float = 0.0
    """Core of the left ventricle relative to its muscle, %."""
    transmurality: float = 0.0
    """Part of the wall that the core spans: the 5th to the 95th percentile of the transmural
    coordinate of its cells, over 0.9."""
    segment_share: Sequence[float] = (0.0,) * N_AHA
    """Part of the volume of each AHA segment, 1 to 17, that is core."""

    @property
    def section(self) -> SubstrateSettings:
        """The settings as the section that they are."""
        return section_of(SubstrateSettings, dict(self.settings), f"{self.patient}: substrate")

    @property
    def is_healthy(self) -> bool:
        """Whether the heart has neither scar nor ischaemia."""
        return not self.level.any()

    @property
    def coupling(self) -> np.ndarray | None:
        """Factor on the intracellular conductivity, and so on the source: [cell]; None: one."""
        section = self.section
        if section.kind != "scar" or section.core_source_share == 1.0:
            return None
        return np.where(self.tissue == CORE, section.core_source_share, 1.0)

    def scar_share(self, cells: np.ndarray) -> np.ndarray:
        """Part of each cell that is scar: [cell]; 1 in the core, less in the border zone.

        `cells` [cell, 4] are the heart's.
        """
        share = np.where(self.tissue == HEALTHY, 0.0, self.level[cells].mean(axis=1))
        return np.where(self.tissue == CORE, 1.0, share)

    @property
    def columns(self) -> dict[str, float]:
        """Labels that are numbers, by their names in sheets and stores."""
        found = {name: float(getattr(self, name))
                 for name in ("core_ml", "border_ml", "lv_percent", "transmurality")}  # fmt: skip
        found |= {f"share_{number:02d}": float(share)
                  for number, share in enumerate(self.segment_share, 1)}  # fmt: skip
        return {f"substrate_{name}": value for name, value in found.items()}
