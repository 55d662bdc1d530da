"""Label images in three formats: integers on a grid, and the grid's position in the patient.

MetaImage files (.mha) have a header of lines `Key = Value`, then raw or compressed values:
https://itk.org/Wiki/ITK/MetaIO/Documentation. ITK's own reader comes with 260 MB.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.base.core.errors import BadInput, extra
from einthoven.body.segmentation.reading import MM, Reading, axis_matrix

TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4",
    "MET_UINT": "u4", "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip
RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])
MIN_SINE = 0.2
"""Least sine of the angle between two index axes, or of one with the plane of the others."""


@dataclass(frozen=True, eq=False)
class LabelImage:
    """Labels on a grid."""

    labels: np.ndarray
    """[i, j, k] integers, or [i, j, k, phase]."""
    steps: np.ndarray
    """[3, 3] mm: column a is the step to the next voxel along index a, in LPS (x left, y back, z
    head), which is the patient frame up to its origin. The columns need be neither perpendicular
    nor right-handed."""
    origin: np.ndarray
    """[3] mm, centre of the first voxel."""
    unit: str = ""
    """Unit in the header, or empty."""
    oriented: bool = True
    """Whether the header states directions."""

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

    def part(self, low: np.ndarray, high: np.ndarray) -> "LabelImage":
        """The voxels from the index `low` [3] up to, without, `high` [3]."""
        cut = tuple(slice(a, b) for a, b in zip(low, high))
        return replace(self, labels=self.labels[cut], origin=self.place(low))


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
        matrix = axis_matrix(reading.axes)
        if matrix is None or not np.linalg.det(matrix):
            raise BadInput(f"labels: axes={reading.axes} is not where i, j and k run, one letter "
                           "each of L R, P A, S I")  # fmt: skip
        steps = matrix.T * np.linalg.norm(steps, axis=0)
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
    """The image of a .mha file, in mm and LPS."""
    header, data = _header(path)
    if missing := [k for k in ("NDims", "DimSize", "ElementType", "ElementDataFile")
                   if k not in header]:  # fmt: skip
        raise BadInput(f"{path}: the header lacks {', '.join(missing)}")
    n = int(header["NDims"])
    size = [int(word) for word in header["DimSize"].split()]
    if header["ElementType"] not in TYPES or int(header.get("ElementNumberOfChannels", 1)) != 1:
        raise BadInput(f"{path}: values of type {header['ElementType']} are not labels")
    if header["ElementDataFile"] != "LOCAL":
        raise BadInput(
            f"{path}: its values are in {header['ElementDataFile']}; save it as one .mha"
        )
    if header.get("CompressedData", "False").lower() == "true":
        data = zlib.decompress(data)
    big = header.get("BinaryDataByteOrderMSB", header.get("ElementByteOrderMSB", "False"))
    kind = np.dtype(TYPES[header["ElementType"]]).newbyteorder(">" if big == "True" else "<")
    if len(data) < int(np.prod(size)) * kind.itemsize:
        raise BadInput(f"{path}: {len(data)} bytes of values, not {np.prod(size) * kind.itemsize}; "
                       "incomplete?")  # fmt: skip
    values = np.frombuffer(data, kind, int(np.prod(size))).reshape(size, order="F")
    spacing = _numbers(header, ("ElementSpacing", "ElementSize"), np.ones(n))
    matrix = _numbers(header, ("TransformMatrix", "Orientation", "Rotation"), np.eye(n))
    origin = _numbers(header, ("Offset", "Origin", "Position"), np.zeros(n))
    # rows of the matrix are the directions of the indices
    steps = matrix.reshape(n, n)[:3, :3].T * spacing[:3]
    return LabelImage(values, steps, origin[:3], "mm")


def _header(path: Path) -> tuple[dict[str, str], bytes]:
    """Keys and values up to ElementDataFile, which comes last, and the bytes after it."""
    rest, header = path.read_bytes(), dict[str, str]()
    while rest and "ElementDataFile" not in header:
        line, _, rest = rest.partition(b"\n")
        key, equals, value = line.decode("latin-1").partition("=")
        if not equals:
            raise BadInput(f"{path}: {key.strip()[:40]!r} is not a line of a MetaImage header")
        header[key.strip()] = value.strip()
    return header, rest


def _numbers(header: dict[str, str], keys: tuple[str, ...], default: np.ndarray) -> np.ndarray:
    found = next((header[key] for key in keys if key in header), "")
    return np.array(found.split(), float) if found else default.ravel()


READERS: dict[str, Callable[[Path], LabelImage]] = {
    ".nii": _nifti, ".nii.gz": _nifti, ".nrrd": _nrrd, ".mha": _metaimage,
}  # fmt: skip
