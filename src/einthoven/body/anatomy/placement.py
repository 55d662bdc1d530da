"""Placement of the heart in the torso, as far forward as its distance to the skin allows."""

import numpy as np

from einthoven.base.core.errors import StepFailed
from einthoven.base.geometry.signed_distance import ClosedSurface
from einthoven.body.anatomy.pose import PhysicalPose
from einthoven.body.anatomy.shape.heart_shape import HeartSurfaces
from einthoven.body.anatomy.shape.torso import TorsoSurface

SCAN_STEP_MM = 4.0
TOLERANCE_MM = 0.01


def place_heart(
    heart: HeartSurfaces, torso: TorsoSurface, pose_coeffs: np.ndarray, mean: str = "imaged"
) -> tuple[np.ndarray, np.ndarray]:
    """Pose of the heart in this torso: patient = heart @ rotation.T + origin.

    The heart's centre is `shift_left` of the midline and `up_mm` above the fourth intercostal
    space. It lies as far forward as its least distance to the skin allows.

    Args:
        heart: surfaces in the heart frame.
        torso: skin in the patient frame.
        pose_coeffs: [6] SD, in the order of `pose.POSE`.
        mean: of `pose.MEAN_POSES`, from which they count.

    Returns:
        rotation [3, 3] and origin [3] mm.

    Raises:
        BadInput: wrong coefficients.
        StepFailed: the heart does not fit with that clearance.
    """
    pose = PhysicalPose.from_coeffs(pose_coeffs, mean)
    rotation = pose.rotation
    landmark = torso.landmarks["ICS4"]
    outside = (heart.epi_points - heart.centre) @ rotation.T
    skin = ClosedSurface(torso.points, torso.faces)

    def depths_at(y: float, points: np.ndarray) -> np.ndarray:
        """Distances to the skin in mm of points of the heart; negative outside."""
        return -skin.distance(points + [pose.shift_left, y, landmark[2] + pose.up_mm])

    back = float(torso.points[:, 1].max())
    # A signed distance is 1-Lipschitz: what is too shallow by d stays so for a shift below d.
    deepest, until = -np.inf, -np.inf
    for y in np.arange(landmark[1] + pose.clearance, back, SCAN_STEP_MM):
        if y < until:
            continue
        depths = depths_at(y, outside)
        deepest, until = max(deepest, depths.min()), y + pose.clearance - depths.min()
        if until <= y:
            break
    else:
        raise StepFailed(
            f"heart does not fit: {deepest:.1f} mm to the skin at best, {pose.clearance:.1f} "
            f"wanted, for pose_coeffs {np.round(pose_coeffs, 2).tolist()}; lower cohort.range_sd"
        )
    # For the same reason only these points can become the closest.
    near = outside[depths <= depths.min() + 2.0 * SCAN_STEP_MM]
    low, high = y - SCAN_STEP_MM, y  # the heart is too shallow at low, deep enough at high
    while high - low > TOLERANCE_MM:
        middle = 0.5 * (low + high)
        deep = depths_at(middle, near).min() >= pose.clearance
        low, high = (low, middle) if deep else (middle, high)
    centre = np.array([pose.shift_left, high, landmark[2] + pose.up_mm])
    return rotation, centre - rotation @ heart.centre
