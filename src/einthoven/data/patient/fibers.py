"""Fibre frames and ventricular coordinates of a heart: fibers.npz holds both."""

from dataclasses import dataclass

import numpy as np

from einthoven.data.patient.stage import Stage


@dataclass(frozen=True, eq=False, kw_only=True)
class Fibers(Stage):
    """Fibre, sheet and sheet-normal: each [heart cell, 3] float32, unit, right-handed."""

    stage = "fibers"

    f0: np.ndarray
    s0: np.ndarray
    n0: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class Coordinates(Stage):
    """Ventricular coordinates, each [heart node] float32."""

    stage = "coordinates"
    rule = "fibers"

    uvc_rho: np.ndarray
    """Transmural: 0 on the endocardium, 1 on the epicardium and on the RV's side of the septum."""
    uvc_z: np.ndarray
    """Apicobasal: 0 at the epicardial apex, 1 on the base."""
    uvc_phi: np.ndarray
    """Angle about the LV's long axis, rad in -pi to pi: 0 mid-septum, +-pi lateral free wall."""
    uvc_nu: np.ndarray
    """-1 left ventricle with the septum, +1 free wall of the right ventricle."""

    def distance(self, nodes: np.ndarray, z: float, phi_rad: float) -> np.ndarray:
        """Distance of heart nodes [node] from a height and an angle, in units of both.

        Heights are weighted by three, because a heart is about three radii high.
        """
        angle = np.angle(np.exp(1j * (self.uvc_phi[nodes] - phi_rad)))
        return np.hypot(3.0 * (self.uvc_z[nodes] - z), angle)
