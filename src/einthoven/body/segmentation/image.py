"""Label images in three formats: integers on a grid, and the grid's position in the patient."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.extras import extra
from einthoven.body.segmentation.metaimage import read_metaimage
from einthoven.body.segmentation.reading import Reading

MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 1e-3}
LETTERS = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}
RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])
MIN_SINE = 0.2
"""Least sine of the angle between two index axes, or of one with the plane of the others."""


@dataclass(frozen=True, eq=False)
class LabelImage:
    """Labels on a grid.

    Attributes:
        labels: [i, j, k] integers, or [i, j, k, phase].
        steps: [3, 3] mm: column a is the step to the next voxel along index a, in LPS (x left, y
            back, z head), which is the patient frame up to its origin. The columns need be neither
            perpendicular nor right-handed.
        origin: [3] mm, centre of the first voxel.
        unit: unit in the header, or empty.
        oriented: whether the header states directions.
    """

    labels: np.ndarray
    steps: np.ndarray
    origin: np.ndarray
    unit: str = ""
    oriented: bool = True

    @property
    def spacing(self) -> np.ndarray:
        """Distance [3] mm between neighbouring voxels along each index."""
        return np.linalg.norm(self.steps, axis=0)

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel."""
        return abs(float(np.linalg.det(self.steps))) / 1000

    def place(self, index: np.ndarray) -> np.ndarray:
        """Positions [.., 3] mm of voxel indices [.., 3]."""
        return index @ self.steps.T + self.origin


def read_image(path: Path, reading: Reading) -> LabelImage:
    """Read one phase of a label image, in mm and LPS.

    Raises:
        BadInput: not readable, no orientation, invalid axes, a 4-D image without a phase, values
            that are not labels.
    """
    image = _one_phase(path, _stored(path), reading.phase)
    if min(image.labels.shape) < 2:
        raise BadInput(
            f"{path}: one slice only, {image.labels.shape} voxels; the whole stack is needed"
        )
    labels = np.asarray(image.labels)
    if labels.dtype.kind == "f":
        if not np.array_equal(labels, np.round(labels)):
            raise BadInput(
                f"{path}: values like {labels[labels != np.round(labels)][0]:.4g} are not labels; "
                "is it the image itself, or was it interpolated (take nearest neighbour)?"
            )
        labels = labels.astype(np.int64)
    return _framed(path, replace(image, labels=labels), reading)


def raw_labels(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Unchecked content of a file: labels [i, j, k] and spacing [3] in its own unit.

    From a 4-D image it is the phase with the most labels. It is used for pictures of refused files.

    Raises:
        BadInput: not readable, or not of 3 or 4 dimensions.
    """
    image = _stored(path)
    labels = np.asarray(image.labels)
    if labels.ndim == 4:
        labels = labels[..., int(np.count_nonzero(labels, axis=(0, 1, 2)).argmax())]
    if labels.ndim != 3:
        raise BadInput(f"{path}: {labels.ndim}-D, not 3-D or 4-D: {labels.shape}")
    return np.nan_to_num(labels).round().astype(np.int64), image.spacing


def _stored(path: Path) -> LabelImage:
    try:
        return READERS[suffix_of(path)](path)
    except BadInput:
        raise
    except Exception as error:  # the readers raise many types
        raise BadInput(f"{path}: not readable ({error}); incomplete?") from error


def suffix_of(path: Path) -> str:
    """The known suffix of a file's name, `.nii.gz` whole, or empty."""
    return next((s for s in READERS if path.name.lower().endswith(s)), "")


def _one_phase(path: Path, image: LabelImage, phase: int | None) -> LabelImage:
    n = image.labels.shape[3] if image.labels.ndim == 4 else 1
    if image.labels.ndim not in (3, 4):
        raise BadInput(f"{path}: {image.labels.ndim}-D, not 3-D or 4-D: {image.labels.shape}")
    if phase is not None and not 0 <= phase < n:
        raise BadInput(f"{path}: phase={phase}, but it has {n}, counted from 0")
    if image.labels.ndim == 3:
        return image
    if phase is None and n > 1:
        filled = [k for k in range(n) if np.any(image.labels[..., k])]
        raise BadInput(f"{path}: 4-D with {n} phases; choose one with phase=K, counted from 0; "
                       f"labels are in {', '.join(map(str, filled)) or 'none'}")  # fmt: skip
    return replace(image, labels=image.labels[..., phase or 0])


def _framed(path: Path, image: LabelImage, reading: Reading) -> LabelImage:
    """The image in mm, with axes as stated or from its header."""
    unit = image.unit or reading.unit or "mm"
    if reading.unit and reading.unit not in MM:
        raise BadInput(f"labels: unit={reading.unit} is none of {', '.join(MM)}")
    if image.unit and reading.unit and image.unit != reading.unit:
        raise BadInput(f"{path}: the header's unit is {image.unit}, not {reading.unit}")
    steps = image.steps * MM[unit]
    if reading.axes:
        letters = reading.axes.upper()
        if len(letters) != 3 or {LETTERS.get(c, (3, 0))[0] for c in letters} != {0, 1, 2}:
            raise BadInput(f"labels: axes={reading.axes} is not where i, j and k run, one letter "
                           "each of L R, P A, S I")  # fmt: skip
        spacing, steps = np.linalg.norm(steps, axis=0), np.zeros((3, 3))
        for column, (row, sign) in enumerate(LETTERS[c] for c in letters):
            steps[row, column] = sign * spacing[column]
    elif not image.oriented:
        raise BadInput(
            f"{path}: the header states no orientation, so the heart's is unknown; save it with "
            "the scanner's, or state where the indices run, as in axes=LPS"
        )
    lengths = np.linalg.norm(steps, axis=0)
    if not (np.isfinite(steps).all() and (lengths > 0).all()):
        raise BadInput(f"{path}: the header's spacing is {lengths.tolist()} mm")
    if (sine := abs(float(np.linalg.det(steps / lengths)))) < MIN_SINE:
        raise BadInput(f"{path}: the header's axes lie in a plane (volume {sine:.2g} of their box)")
    return replace(image, steps=steps, origin=image.origin * MM[unit])


def _nifti(path: Path) -> LabelImage:
    with extra("images", f"{path}: a NIfTI image"):
        import nibabel

    file: Any = nibabel.load(path)
    header, affine = file.header, np.array(file.affine, float)
    units = {"meter": "m", "mm": "mm", "micron": "um"}
    return LabelImage(
        np.asanyarray(file.dataobj),
        affine[:3, :3] * RAS_TO_LPS[:, None],
        affine[:3, 3] * RAS_TO_LPS,
        units.get(header.get_xyzt_units()[0], ""),
        int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0,
    )


def _nrrd(path: Path) -> LabelImage:
    with extra("images", f"{path}: an NRRD image"):
        import nrrd

    values, header = nrrd.read(str(path))
    directions = header.get("space directions")
    if directions is None:
        spacing = np.asarray(header.get("spacings", np.full(values.ndim, np.nan)), float)
        return LabelImage(values, np.diag(spacing[:3]), np.zeros(3), "", False)
    rows = np.array([np.full(3, np.nan) if row is None else row for row in directions], float)
    spatial = np.isfinite(rows).all(axis=1)
    values = np.moveaxis(values, np.flatnonzero(spatial), range(spatial.sum()))
    name = str(header.get("space", ""))
    words = name.lower().split("-") if "-" in name else [_WORD.get(c, "") for c in name.upper()]
    signs = np.array([_SIGN.get(word, 0.0) for word in words[:3]])
    oriented = len(signs) == 3 and bool((signs != 0).all())
    signs = signs if oriented else np.ones(3)
    units = {str(unit).strip('"') for unit in header.get("space units", [])} & MM.keys()
    origin = np.asarray(header.get("space origin", np.zeros(3)), float)
    return LabelImage(values, rows[spatial].T * signs[:, None], origin * signs,
                      next(iter(units), ""), oriented)  # fmt: skip


_WORD = {"L": "left", "R": "right", "P": "posterior", "A": "anterior", "S": "superior",
         "I": "inferior"}  # fmt: skip
_SIGN = {"left": 1.0, "right": -1.0, "posterior": 1.0, "anterior": -1.0, "superior": 1.0,
         "inferior": -1.0}  # fmt: skip


def _metaimage(path: Path) -> LabelImage:
    values, steps, origin = read_metaimage(path)
    return LabelImage(values, steps, origin, "mm")


READERS: dict[str, Callable[[Path], LabelImage]] = {
    ".nii": _nifti, ".nii.gz": _nifti, ".nrrd": _nrrd, ".mha": _metaimage,
}  # fmt: skip
