"""Base class of a patient's stages: arrays as in the layout, one `save`, one `load`."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays, save_arrays
from einthoven.data.dataset.layout import STAGE_LAYOUT, STAGE_SIZES

KINDS = {"float": "f", "int": "iu", "str": "UT"}
"""First letters of the layout's dtypes, and the NumPy kinds that hold them."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Stage:
    """Arrays and attributes of one stage; shapes, dtypes and units are `STAGE_LAYOUT[stage]`.

    A field that is a variable of the layout is an array of the file, any other one an attribute.
    A variable whose field may be None may be missing from a file.
    """

    stage: ClassVar[str]
    rule: ClassVar[str] = ""
    """Rule to run again if something is missing, if its name differs from the stage's."""
    of_some: ClassVar[frozenset[str]] = frozenset()
    """Attributes that only some patients have; those of others lack them."""

    patient: str
    """Name, p0000 ..."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Arrays that are present, in the order of the file."""
        found = {v.stage_name: getattr(self, v.stage_name) for v in STAGE_LAYOUT[self.stage]}
        return {name: values for name, values in found.items() if values is not None}

    def attrs(self) -> dict[str, Any]:
        """The attributes."""
        names = {v.stage_name for v in STAGE_LAYOUT[self.stage]}
        found = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in names}
        return {k: v for k, v in found.items() if v is not None or k not in self.of_some}

    def save(self, path: str | Path, *others: "Stage") -> None:
        """Write the stage, and others that share its file, atomically.

        Raises:
            BadInput: an array does not fit the layout.
        """
        sizes = dict(STAGE_SIZES)
        arrays, attrs = dict[str, np.ndarray](), dict[str, Any]()
        for stage in (self, *others):
            _check(stage.stage, found := stage.arrays(), sizes, path)
            arrays |= found
            attrs |= stage.attrs()
        save_arrays(path, arrays, **attrs)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a stage's file.

        Raises:
            BadInput: the file is missing or broken, or lacks an array or an attribute, or an
                array's type or shape differs from the layout; all of them are named.
        """
        found = load_arrays(path)
        return cls.of(found, found.attrs, path)

    @classmethod
    def of(
        cls, arrays: Mapping[str, np.ndarray], attrs: Mapping[str, Any], where: str | Path
    ) -> Self:
        """The stage from its arrays and attributes; `where` is for messages.

        Raises:
            BadInput: as `load`.
        """
        names = [v.stage_name for v in STAGE_LAYOUT[cls.stage]]
        given: dict[str, Any] = {name: arrays[name] for name in names if name in arrays}
        needed = [f.name for f in fields(cls) if f.default is MISSING]
        given |= {f.name: attrs[f.name] for f in fields(cls) if f.name in attrs}
        if missing := [name for name in needed if name not in given]:
            rule = cls.rule or cls.stage
            raise BadInput(f"{where}: lacks {', '.join(missing)}; re-run the rule {rule}")
        _check(cls.stage, given, dict(STAGE_SIZES), where)
        return cls(**given)


def _check(
    stage: str, found: Mapping[str, np.ndarray], sizes: dict[str, int], where: str | Path
) -> None:
    """Compare arrays with the layout, and the lengths of their dimensions with one another."""
    for variable in STAGE_LAYOUT[stage]:
        if variable.stage_name not in found:
            continue
        values, fault = np.asarray(found[variable.stage_name]), ""
        if values.dtype.kind not in KINDS[variable.dtype.rstrip("0123456789")]:
            fault = f"dtype {values.dtype}, expected {variable.dtype}"
        elif values.ndim != len(variable.dims):
            fault = f"shape {values.shape}, expected ({', '.join(variable.dims)})"
        elif differs := variable.length_fault(values.shape, sizes):
            fault = f"{differs}; of different runs?"
        if fault:
            raise BadInput(f"{where}: {variable.stage_name}: {fault}")
