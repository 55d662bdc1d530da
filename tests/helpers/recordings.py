"""A small synthetic case of inverse ECG as files: an ellipsoidal heart in an ellipsoidal torso."""

import numpy as np

HEART_CENTRE = np.array([20.0, -30.0, 10.0])
RATE_HZ = 500.0


def ellipsoid(n_splits, half_axes, centre=(0.0, 0.0, 0.0)):
    """Points [node, 3] mm and outward faces [face, 3]."""
    import pyvista as pv

    sphere = pv.Icosphere(nsub=n_splits, radius=1.0)
    return np.asarray(sphere.points, float) * half_axes + centre, sphere.regular_faces


def heart_and_torso(heart_splits=2):
    """Two closed surfaces: 162 (or 42) and 162 nodes."""
    heart = ellipsoid(heart_splits, (40.0, 35.0, 45.0), HEART_CENTRE)
    return heart, ellipsoid(2, (170.0, 110.0, 220.0))


def beat_of_a_dipole(points, rng, n_beats=1):
    """Potentials [point, time] mV of a turning dipole in the heart: rest, QRS, T wave, rest."""
    time = np.arange(0, 600, 1000.0 / RATE_HZ)
    centres, widths = np.array([150.0, 170.0, 190.0, 380.0]), np.array([10.0, 12.0, 10.0, 40.0])
    waves = np.exp(-(((time - centres[:, None]) / widths[:, None]) ** 2))
    moments = np.array([[-1.0, -2, 1], [2, 1, -4], [-1, 2, 1], [0.6, -0.3, -1]])
    away = points - HEART_CENTRE
    scale = 20000.0 / np.linalg.norm(away, axis=1)[:, None] ** 3
    beat = (away * scale) @ (moments.T @ waves) / 5.0
    return np.tile(beat, n_beats) + rng.normal(0, 0.004, (len(points), n_beats * len(time)))


def write_pts_fac(base, points, faces):
    """Files in the format of map3d: no counts, faces from 1."""
    np.savetxt(base.with_suffix(".pts"), points, fmt="%.4f")
    np.savetxt(base.with_suffix(".fac"), np.asarray(faces) + 1, fmt="%d")
    return base.with_suffix(".pts")
