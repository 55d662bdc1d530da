"""Linear shape models, the common interface of embedded and converted atlases, and their files.

An atlas file holds a mean, modes and SDs in one .npz (docs/reference/atlas-files.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.base.core.check import finite, shape
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import Arrays, load_arrays, save_arrays
from einthoven.base.geometry.surfaces import Surfaces

MAX_SD = 4.0
"""Limit in SD beyond which a linear model of heart, body or pose is implausible."""
HEART_ATLAS = Path(__file__).parent / "data" / "heart_atlas.npz"
TORSO_ATLAS = HEART_ATLAS.with_name("torso_atlas.npz")
"""Atlas files that come with the package."""
FORMAT = "einthoven-atlas-1"
HEART_FIELDS = ("mean", "modes", "sds", "faces", "face_tags")


@dataclass(frozen=True)
class ShapeModel:
    """A mean surface, its orthonormal modes and their standard deviations.

    points = mean + sum_k coeffs[k] * sds[k] * modes[k], so a coefficient is in SD.

    Raises:
        BadInput: shapes do not fit, values are not finite, or an SD is negative.
    """

    mean: np.ndarray
    """[vertex, 3] mm."""
    modes: np.ndarray
    """[mode, vertex, 3], orthonormal as vectors of length 3 * vertex."""
    sds: np.ndarray
    """[mode] mm, standard deviation of the score on each mode."""
    faces: np.ndarray
    """[face, 3] int32, shared by all shapes."""
    face_tags: np.ndarray = field(default_factory=lambda: np.empty(0, np.int8))
    """[face] int8 (core.tags.Surface), or empty for a surface of one kind."""

    def __post_init__(self):
        n_modes, n_points = len(self.sds), len(self.mean)
        finite("mean", shape("mean", self.mean, (None, 3)))
        finite("modes", shape("modes", self.modes, (n_modes, n_points, 3)))
        finite("sds", shape("sds", self.sds, (None,)))
        shape("faces", self.faces, (None, 3))
        if np.any(np.asarray(self.sds) < 0):
            raise BadInput("sds: a standard deviation is negative; are these variances or scores?")
        if np.min(self.faces) < 0 or np.max(self.faces) >= n_points:
            raise BadInput(f"faces: refer to vertices outside 0 to {n_points - 1}")
        if len(self.face_tags) not in (0, len(self.faces)):
            raise BadInput(f"face_tags: {len(self.face_tags)} tags for {len(self.faces)} faces")

    @property
    def surfaces(self) -> Surfaces:
        """The mean surface."""
        return Surfaces(self.mean, self.faces, self.face_tags)

    @property
    def n_modes(self) -> int:
        """Number of modes."""
        return len(self.sds)

    def points(self, coeffs: np.ndarray) -> np.ndarray:
        """The surface of one individual: [vertex, 3] mm, float64.

        Coefficients are [<= mode] in SD; missing ones count as zero.

        Raises:
            BadInput: more coefficients than modes, or values that are not finite.
        """
        coeffs = finite("coeffs", shape("coeffs", coeffs, (None,))).astype(float)
        if len(coeffs) > self.n_modes:
            raise BadInput(f"coeffs: {len(coeffs)} given, the shape model has {self.n_modes} modes")
        scores = coeffs * self.sds[: len(coeffs)]
        return self.mean + np.tensordot(scores, self.modes[: len(coeffs)].astype(float), axes=1)


def save_atlas(path: Path, kind: str, arrays: dict[str, np.ndarray], **attrs: Any) -> None:
    """Write an atlas file of kind "heart" or "torso"; units are mm.

    Raises:
        BadInput: `attrs` lack name, source or licence.
    """
    if lacking := [name for name in ("name", "source", "licence") if name not in attrs]:
        raise BadInput(f"{path}: an atlas file needs {', '.join(lacking)}")
    save_arrays(path, arrays, format=FORMAT, kind=kind, units="mm", **attrs)


def load_atlas_file(path: str | Path, kind: str, require: Sequence[str] = HEART_FIELDS) -> Arrays:
    """Read an atlas file.

    Raises:
        BadInput: missing, of another tool or version, of the other kind, not in mm, or without
            an array of `require`.
    """
    if not Path(path).is_file():
        raise BadInput(f"{path}: no such atlas file; `einthoven fetch` makes it")
    data = load_arrays(path)
    if data.attrs.get("format") != FORMAT:
        raise BadInput(
            f"{path}: format {data.attrs.get('format')!r}, expected {FORMAT!r}; "
            "make it from the published files with `einthoven fetch NAME --from FOLDER`"
        )
    if data.attrs.get("kind") != kind:
        raise BadInput(f"{path}: an atlas of a {data.attrs.get('kind')}, not of a {kind}")
    if data.attrs.get("units") != "mm":
        raise BadInput(f"{path}: units {data.attrs.get('units')!r}, expected 'mm'")
    if lacking := [name for name in require if name not in data]:
        raise BadInput(
            f"{path}: lacks {', '.join(lacking)}; convert it again with `einthoven fetch`"
        )
    return data


def model_arrays(model: ShapeModel, suffix: str = "") -> dict[str, np.ndarray]:
    """A shape model as arrays `mean`, `modes`, `sds`, `faces`, `face_tags` (with a suffix)."""
    return {
        f"mean{suffix}": model.mean.astype(np.float32),
        f"modes{suffix}": model.modes.astype(np.float32),
        f"sds{suffix}": np.asarray(model.sds, float),
        f"faces{suffix}": model.faces.astype(np.int32),
        f"face_tags{suffix}": np.asarray(model.face_tags, np.int8),
    }


def model_from(data: Arrays, suffix: str = "") -> ShapeModel:
    """The shape model that `model_arrays` wrote.

    Raises:
        BadInput: an array is missing, or they do not fit together.
    """
    if lacking := [name for name in HEART_FIELDS if name + suffix not in data]:
        raise BadInput(f"{data.path}: lacks {', '.join(name + suffix for name in lacking)}")
    mean, modes, sds, faces, tags = (data[name + suffix] for name in HEART_FIELDS)
    try:
        return ShapeModel(
            mean.astype(float), modes, sds.astype(float), faces.astype(np.int32), tags
        )
    except BadInput as error:
        raise BadInput(f"{data.path}: {error}") from error


def usable_coeffs(part: str, coeffs: np.ndarray, n_modes: int, atlas: str) -> np.ndarray:
    """Coefficients in SD without trailing zeros, which a cohort has for unused modes.

    `part` (heart or torso) and `atlas` (its file) are for messages.

    Raises:
        BadInput: more coefficients than modes, or not finite.
    """
    coeffs = finite(f"{part}_coeffs", np.asarray(coeffs, float))
    coeffs = coeffs[: np.flatnonzero(coeffs)[-1] + 1 if coeffs.any() else 0]
    if len(coeffs) > n_modes:
        raise BadInput(
            f"{part}_coeffs: {len(coeffs)} given, but {atlas} has {n_modes} modes; set "
            f"cohort.n_{part}_modes to at most {n_modes}"
        )
    return coeffs
