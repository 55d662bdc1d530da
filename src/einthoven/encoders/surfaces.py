"""Where an encoder that decodes nothing finds the surfaces of a patient."""

from collections.abc import Callable, Iterable
from pathlib import Path

from einthoven.core.errors import BadInput
from einthoven.geometry.surfaces import Surfaces
from einthoven.patient.anatomy import Anatomy

SurfaceProvider = Callable[[str], Surfaces]
"""Patient name -> surfaces."""


def surfaces_of_files(paths: Iterable[str | Path]) -> SurfaceProvider:
    """Surfaces from files {patient}/anatomy.npz, read when asked for."""
    files = {Path(path).parent.name: path for path in paths}

    def provide(patient: str) -> Surfaces:
        if patient not in files:
            raise BadInput(f"{patient}: no anatomy.npz among those of {', '.join(files)}")
        return Anatomy.load(files[patient]).surfaces

    return provide
