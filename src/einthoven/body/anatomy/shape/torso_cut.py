"""A torso from a whole body: cut at neck, arms and hips, closed, in two resolutions.

Every new vertex is a fixed linear combination of the body's vertices, so that all bodies of a shape
model share one topology and the torso has its own shape model.
"""

from dataclasses import dataclass

import numpy as np

from einthoven.base.core.errors import StepFailed
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.barycentric import attach, cast_ray
from einthoven.base.geometry.boundary_loops import boundary_loops
from einthoven.base.geometry.remeshing import remesh_closed
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import face_edges
from einthoven.body.anatomy.shape.model import ShapeModel
from einthoven.body.anatomy.shape.pieces import fan, sewn
from einthoven.body.anatomy.shape.torso import load_atlas

EDGE_MM = {"fine": 11.8, "coarse": 22.0}
ARM_CUT = 0.22
"""Position of the arm's cut, as a fraction of the way from shoulder to elbow."""
ARM_TILT = 0.45
"""Tilt of the arm's cut towards the vertical."""
HIP_CUT_MM = 20.0
"""Distance of the hip cut below the joints."""
ARMPIT = (70.0, 12)
"""Reach in mm of the smoothing around an armpit, and its steps at the fine edge length (diffusion:
fewer for longer edges)."""
ARM_BOUNDARY_MM = 120.0
"""Edges of a cut this far from the midline, in the upper half of the torso, belong to an arm."""
ILIAC_ABOVE_HIP_MM = 72.0
"""Height of the landmark ILIAC above the hip joint (tools/build_torso_atlas.py)."""


@dataclass(frozen=True)
class WholeBodyModel:
    """A shape model of whole bodies, with the data needed to cut it."""

    model: ShapeModel
    """Patient's axes (x left, y back, z head), mm, any origin; outward faces."""
    arm: np.ndarray
    """[vertex] bool, moved by an arm's bones."""
    neck: np.ndarray
    """[3] mm, a point in the neck."""
    neck_axis: np.ndarray
    """[3], a unit vector along it."""
    shoulders: np.ndarray
    """[2, 3] mm, right and left joint."""
    elbows: np.ndarray
    hips: np.ndarray
    """[2, 3] mm each, right and left joint."""
    above_neck_mm: float = 0.0
    """Height of the neck's cut above `neck`."""


def torso_arrays(body: WholeBodyModel) -> dict[str, np.ndarray]:
    """Arrays of a torso atlas file (docs/reference/atlas-files.md) for the body's torso.

    Beside the standard arrays: `origin` [3] mm and `origin_modes` [mode, 3] mm per SD, the position
    of a torso's origin in the frame of the bodies.

    Raises:
        StepFailed: the cuts do not leave four openings, or a surface cannot be closed.
    """
    closed = close_cuts(*crop(body))
    arrays: dict[str, np.ndarray] = {}
    mean_shift, mode_shifts = np.zeros(3), np.zeros((body.model.n_modes, 1, 3))
    moves = body.model.modes.astype(float) * np.asarray(body.model.sds)[:, None, None]
    for resolution, edge_mm in EDGE_MM.items():
        points, faces = remesh_closed(*closed, edge_mm)
        carry, cap = carrier(points, faces, body.model, edge_mm)
        mean = carry @ body.model.mean
        modes = np.stack([carry @ move for move in moves])
        if resolution == "fine":  # the origin is the centroid of each body's fine vertices
            mean_shift, mode_shifts = mean.mean(axis=0), modes.mean(axis=1, keepdims=True)
        arrays |= {
            f"{resolution}_mean": (mean - mean_shift).astype(np.float32),
            f"{resolution}_modes": (modes - mode_shifts).astype(np.float32),
            f"{resolution}_faces": faces.astype(np.int32),
            f"{resolution}_cap": cap,
        }
    fine = arrays["fine_mean"].astype(float), arrays["fine_faces"]
    places = landmarks(*fine, body.shoulders - mean_shift, body.hips - mean_shift)
    return arrays | {
        "origin": mean_shift,
        "origin_modes": mode_shifts[:, 0],
        "landmark_names": np.array(list(places)),
        "landmark_points": np.array(list(places.values()), np.float32),
    }


def crop(body: WholeBodyModel) -> tuple[np.ndarray, np.ndarray]:
    """The torso's open skin: points [vertex, 3] mm and faces [face, 3].

    The arm planes apply only to vertices moved by an arm bone; an infinite plane would also cut the
    hips.
    """
    import pyvista as pv

    points = body.model.mean
    beyond = np.maximum(
        (points - body.neck) @ body.neck_axis - body.above_neck_mm,
        body.hips[:, 2].mean() - HIP_CUT_MM - points[:, 2],
    )
    for shoulder, elbow, sign in zip(body.shoulders, body.elbows, (-1.0, 1.0)):
        upper_arm = elbow - shoulder
        axis = upper_arm / np.linalg.norm(upper_arm) + [sign * ARM_TILT, 0.0, 0.0]
        plane = (points - shoulder - ARM_CUT * upper_arm) @ axis / np.linalg.norm(axis)
        own = body.arm & (sign * points[:, 0] > 0)
        beyond[own] = np.maximum(beyond, plane)[own]
    skin = pv.PolyData.from_regular_faces(points, body.model.faces)
    skin["beyond"] = beyond
    skin = skin.clip_scalar(scalars="beyond", value=0.0, invert=True).connectivity("largest")
    skin = skin.extract_surface(algorithm=None).clean(tolerance=0.0).triangulate()
    return np.asarray(skin.points, float), np.asarray(skin.regular_faces)


def close_cuts(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Close each of four cuts by a fan of triangles to its centre.

    Raises:
        StepFailed: there are not four cuts.
    """
    loops = [np.r_[loop[:1], loop[:0:-1]] for loop in boundary_loops(faces)]  # as the caps run
    if len(loops) != 4:
        raise StepFailed(f"the crop left {len(loops)} openings, not neck, two arms and hips")
    surface = Surfaces(points, faces, np.full(len(faces), Surface.SKIN))
    for loop in loops:
        surface = sewn(surface, [loop], fan(points[loop]), Surface.SKIN)
    return surface.points, surface.faces


def carrier(
    points: np.ndarray,
    faces: np.ndarray,
    body: ShapeModel,
    edge_mm: float,
    armpit: tuple[float, int] = ARMPIT,
) -> tuple:
    """Sparse [new vertex, body vertex] that maps any body to the new topology; cap mask.

    Skin vertices are barycentric in the mean body's triangles. Cap vertices solve a discrete
    Laplace equation with the values at their edge. A linear smoothing removes the saw teeth that
    the body's coarse triangles leave at the cuts, and opens the folds of the armpits, where broad
    bodies would otherwise touch themselves (`armpit`: see `ARMPIT`).
    """
    import scipy.sparse as sp

    n = len(points)
    on_skin = attach(body.mean, body.faces, points)
    # The vertices at a cap's edge are also off the skin, by far less than an edge's length.
    cap = np.linalg.norm(on_skin.on(body.mean) - points, axis=1) > 0.25 * edge_mm
    pairs = face_edges(faces)
    touches = sp.csr_matrix((np.ones(len(pairs)), pairs.T), shape=(n, n))  # closed: symmetric
    average = sp.diags(1 / np.asarray(touches.sum(axis=1)).ravel()) @ touches

    def smoothed(share: np.ndarray, matrix):
        return matrix + sp.diags(share) @ (average @ matrix - matrix)

    rows = np.repeat(np.arange(n), 3)
    skin = sp.csr_matrix(
        (on_skin.weights.ravel(), (rows, on_skin.vertices.ravel())), shape=(n, len(body.mean))
    )
    boundary = (touches @ cap > 0) & (touches @ ~cap > 0)
    carry = smoothed(0.5 * ((touches @ boundary > 0) | boundary), _filled(touches, cap) @ skin)
    upper = points[:, 2] > points[:, 2].mean()
    reach_mm, fine_steps = armpit
    for sign in (1.0, -1.0):
        arm_edge = points[boundary & (sign * points[:, 0] > ARM_BOUNDARY_MM) & upper]
        if len(arm_edge) == 0:
            raise StepFailed(f"no arm ends more than {ARM_BOUNDARY_MM:g} mm beside the midline")
        lowest = arm_edge[arm_edge[:, 2].argmin()]
        share = np.clip(1 - np.linalg.norm(points - lowest, axis=1) / reach_mm, 0, 0.5)
        for _ in range(round(fine_steps * (EDGE_MM["fine"] / edge_mm) ** 2)):
            carry = smoothed(share, carry)
    return carry.tocsr(), cap


def _filled(touches, cap: np.ndarray):
    """Sparse [vertex, vertex]: identity on the skin, harmonic between its edges on the caps."""
    import scipy.sparse as sp
    from scipy.sparse.linalg import spsolve

    n = len(cap)
    degree = np.asarray(touches.sum(axis=1)).ravel()
    laplace = (sp.diags(degree) - touches).tocsr()
    inner, outer = np.flatnonzero(cap), np.flatnonzero(~cap)
    filled = spsolve(laplace[inner][:, inner].tocsc(), (-laplace[inner][:, outer]).tocsc())
    fill = sp.lil_matrix((n, n))
    fill[outer, outer] = 1.0
    fill[np.ix_(inner, outer)] = filled.toarray()
    return fill.tocsr()


def landmarks(
    mean: np.ndarray, faces: np.ndarray, shoulders: np.ndarray, hips: np.ndarray
) -> dict[str, np.ndarray]:
    """Skin landmarks [3] mm, at the relative positions of the embedded mean torso.

    Heights scale with the distance of the shoulder joints from the hip joints, both [2, 3] mm,
    widths with the distance between the shoulders; the depth is that of the skin, the fine mean
    torso [vertex, 3] mm with its faces [face, 3].
    """
    known = load_atlas().landmarks
    wide = 0.5 * (known["SHOULDER_L"][0] - known["SHOULDER_R"][0])
    top = 0.5 * (known["SHOULDER_L"][2] + known["SHOULDER_R"][2])
    bottom = 0.5 * (known["ILIAC_L"][2] + known["ILIAC_R"][2]) - ILIAC_ABOVE_HIP_MM
    middle = shoulders[:, 0].mean()
    scale_x = 0.5 * abs(shoulders[1, 0] - shoulders[0, 0]) / wide
    low, high = hips[:, 2].mean(), shoulders[:, 2].mean()
    scale_z = (high - low) / (top - bottom)
    places = {}
    for name, (x, _, z) in known.items():
        start = [middle + scale_x * x, -1000.0, low + scale_z * (z - bottom)]
        places[name] = cast_ray(mean, faces, start, [0.0, 1.0, 0.0])
    return places
