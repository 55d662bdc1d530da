"""Condition of the cells of a heart: cycle length, and the share of I_Kr that a drug leaves."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

from einthoven.base.core.errors import BadInput

DATA = Path(__file__).parent / "data"
CYCLE_LENGTHS_MS, I_KR_FACTORS = (1000.0, 600.0), (1.0, 0.5, 0.0)
"""Conditions with tables: those of Landajuela 2022 (Computing in Cardiology 49)."""


@dataclass(frozen=True)
class Condition:
    """Condition of all cells of a heart.

    Raises:
        BadInput: no action potentials were computed for it.
    """

    cycle_length_ms: float = 1000.0
    """Cycle length of the pacing train whose last beat is simulated."""
    i_kr_factor: float = 1.0
    """Factor on the conductance of I_Kr; 0 is blocked."""

    def __post_init__(self) -> None:
        for name, known in (("cycle_length_ms", CYCLE_LENGTHS_MS), ("i_kr_factor", I_KR_FACTORS)):
            if (value := getattr(self, name)) not in known:
                choices = ", ".join(f"{k:g}" for k in known)
                raise BadInput(f"{name} = {value:g}: there are action potentials for {choices}")

    @property
    def name(self) -> str:
        """Part of a file's name, such as 600ms_50ikr."""
        return f"{self.cycle_length_ms:.0f}ms_{100 * self.i_kr_factor:.0f}ikr"

    @property
    def path(self) -> Path:
        """Table of a family at another condition than the baseline."""
        return DATA / f"ttp06_family_{self.name}.npz"

    def __str__(self) -> str:
        return f"cycle_length_ms {self.cycle_length_ms:g}, i_kr_factor {self.i_kr_factor:g}"


CONDITIONS = tuple(Condition(*both) for both in product(CYCLE_LENGTHS_MS, I_KR_FACTORS))
BASELINE = CONDITIONS[0]
"""Condition of the template and of the durations in section repolarisation."""
