"""Parameters of a patient, before anything is built: results/cohort/{patient}.json."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_json, write_json


@dataclass(frozen=True)
class PatientParameters:
    """Shape and pose coefficients in SD; None if unknown (imported patients)."""

    patient: str
    split: str
    """Train, val, test or imported."""
    index: int | None = None
    """Number in the cohort."""
    sex: str | None = None
    height_cm: float | None = None
    bmi: float | None = None
    """Female or male; None if the cohort is not split by sex."""
    heart_coeffs: list[float] = field(default_factory=list)
    torso_coeffs: list[float] = field(default_factory=list)
    """[mode]."""
    pose_coeffs: list[float] = field(default_factory=list)
    """[pose]."""

    def save(self, path: str | Path) -> None:
        """Write the parameters as JSON, atomically."""
        write_json(path, asdict(self))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read the parameters.

        Raises:
            BadInput: a missing or broken file, missing or unknown keys.
        """
        found = read_json(path)
        keys = set(cls.__dataclass_fields__)
        if not isinstance(found, dict) or set(found) != keys:
            wrong = sorted(keys ^ set(found)) if isinstance(found, dict) else "no object"
            raise BadInput(f"{path}: missing or unknown keys {wrong}; written by another version?")
        return cls(**found)
