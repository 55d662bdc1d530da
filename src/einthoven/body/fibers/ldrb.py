"""Rule-based fibres from Laplace-Dirichlet fields, or frames about fibres of an imported heart.

Vectorised form of Bayer, Blake, Plank and Trayanova, "A novel rule-based algorithm for assigning
myocardial fiber orientation to computational heart models", Ann. Biomed. Eng. 40:2243 (2012),
doi:10.1007/s10439-012-0593-5. `axis`, `orient` and `bislerp` are its functions of these names, for
a stack of points. A frame is [.., 3, 3] with the columns circumferential, apicobasal, transmural
before `orient`, and fibre, sheet, sheet-normal after.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from einthoven.base.config.models import FiberSettings as Angles
from einthoven.base.core.errors import StepFailed
from einthoven.base.core.log import logger
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.simplex import cell_gradient, p1_gradients, tet_volumes
from einthoven.data.patient.heart import Heart
from einthoven.data.patient.measured import MeasuredTissue
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import Fibers
from einthoven.numerics.fem.laplace import solve_laplace

PARALLEL = 0.99
FLAT = 1e-9
"""A gradient below this fraction of the field's median one has no direction."""


@dataclass(frozen=True)
class WallFields:
    """Harmonic functions on the heart nodes, 0 to 1 (Bayer 2012, step 1).

    `lv`, `rv` and `epi` are one on their surface and zero on the other two, so they sum to one.
    `apicobasal` (Bayer's psi) is zero at the epicardial apex and one on the base.
    """

    lv: np.ndarray
    rv: np.ndarray
    epi: np.ndarray
    apicobasal: np.ndarray


def solve_wall_fields(heart: Heart) -> WallFields:
    """Solve the four Laplace-Dirichlet problems; `lv` and `epi` share a factorisation.

    Raises:
        BadInput, NotConverged: from the Laplace solver.
    """
    lv, epi, base = (
        heart.surface_nodes(tag) for tag in (Surface.LV_ENDO, Surface.EPI, Surface.BASE)
    )
    rv = [(heart.surface_nodes(Surface.RV_ENDO), 0.0)] if heart.has_rv else []
    phi_lv, phi_epi, apicobasal = solve_laplace(
        heart.points,
        heart.cells,
        [
            [(lv, 1.0), (epi, 0.0), *rv],
            [(lv, 0.0), (epi, 1.0), *rv],
            [(np.array([heart.apex]), 0.0), (base, 1.0)],
        ],
    )
    phi_rv = np.clip(1.0 - phi_lv - phi_epi, 0.0, 1.0)
    return WallFields(phi_lv, phi_rv, phi_epi, apicobasal)


def with_measured_fibers(ruled: Fibers, heart: Heart, measured: MeasuredTissue) -> Fibers:
    """The rule-based frames rotated to the heart's own fibres.

    Sheets are those of the rule, made perpendicular to the fibre: n0 is the rule's without its
    component along the fibre (or s0 is, where n0 is nearly the fibre), and s0 = n0 x f0. Each fibre
    has the sign that is nearest to the rule's. The heart is in the frame of `measured`.
    """
    f0, gap = measured.fiber_at(heart.centroids)
    f0 *= np.where(np.einsum("ci,ci->c", f0, ruled.f0) < 0, -1.0, 1.0)[:, None]
    across = np.abs(np.einsum("ci,ci->c", f0, ruled.n0)) < PARALLEL
    n0 = _perpendicular(np.where(across[:, None], ruled.n0, np.cross(f0, ruled.s0)), f0)
    logger.info("fibres of the heart's own mesh, from at most %.1f mm away", gap.max())
    s0 = np.cross(n0, f0)
    kept = {key: value.astype(np.float32) for key, value in (("f0", f0), ("s0", s0), ("n0", n0))}
    return Fibers(patient=ruled.patient, **kept)


def _perpendicular(vectors: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Unit vectors [cell, 3] without their component along others."""
    left = vectors - np.einsum("ci,ci->c", vectors, unit)[:, None] * unit
    return left / np.linalg.norm(left, axis=1, keepdims=True)


def assign_fibers(patient: Patient, angles: Angles, fields: WallFields | None = None) -> Fibers:
    """Fibre frames of a patient's heart cells (Bayer 2012, algorithm 1), or about its own fibres.

    Args:
        patient: with a mesh; if it has an anatomy with fibres of an imported mesh, these are taken.
        angles: fibre and sheet angles at endocardium and epicardium.
        fields: of `solve_wall_fields`, if already solved.

    Returns:
        `Fibers`, one frame per heart cell, in the mesh's frame.

    Raises:
        StepFailed: a field has no gradient somewhere.
    """
    heart = patient.heart
    fields = fields or solve_wall_fields(heart)
    values = np.stack([fields.lv, fields.rv, fields.epi])[:, heart.cells].mean(axis=2)
    frames = frames_from_fields(values, directions(heart, fields), angles)
    f0, s0, n0 = np.ascontiguousarray(np.moveaxis(frames, 2, 0), dtype=np.float32)
    fibers = Fibers(patient=patient.name, f0=f0, s0=s0, n0=n0)
    measured = patient.anatomy.measured if patient.has("anatomy") else None
    if measured is None or measured.fiber is None:
        return fibers
    return with_measured_fibers(fibers, heart, measured)


def frames_from_fields(values: np.ndarray, directions: np.ndarray, angles: Angles) -> np.ndarray:
    """Bayer's rule at points where the fields and their directions are known.

    Args:
        values: [3, point] phi of LV, RV and epicardium.
        directions: [4, point, 3] apicobasal direction (grad psi), and the transmural ones of
            LV, RV and epicardium.
        angles: fibre and sheet angles.

    Returns:
        [point, 3, 3] with columns f0, s0, n0.
    """
    lv, rv, epi = values
    grad_psi, grad_lv, grad_rv, grad_epi = directions
    alpha_endo, alpha_epi, beta_endo, beta_epi = np.radians(
        [angles.alpha_endo_deg, angles.alpha_epi_deg, angles.beta_endo_deg, angles.beta_epi_deg]
    )
    # On the epicardium both endocardial fields vanish; their ratio then has no weight.
    depth = np.divide(rv, lv + rv, out=np.full_like(rv, 0.5), where=lv + rv > 1e-12)
    # Through the septum the angles run from +endo at the LV to -endo at the RV side,
    # through a free wall from endo to epi (Bayer's alpha_s, beta_s and alpha_w, beta_w).
    alpha_s, beta_s = alpha_endo * (1 - 2 * depth), beta_endo * (1 - 2 * depth)
    alpha_w = alpha_endo * (1 - epi) + alpha_epi * epi
    beta_w = beta_endo * (1 - epi) + beta_epi * epi
    frame_lv = orient(axis(grad_psi, -grad_lv), alpha_s, beta_s)
    frame_rv = orient(axis(grad_psi, grad_rv), alpha_s, beta_s)
    frame_epi = orient(axis(grad_psi, grad_epi), alpha_w, beta_w)
    frame_endo = bislerp(frame_lv, frame_rv, depth)
    return bislerp(frame_endo, frame_epi, epi)


def axis(psi: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """Frame [point, 3, 3] whose second column is `psi`, its third `phi` made perpendicular to it.

    Args:
        psi: [point, 3] apicobasal direction.
        phi: [point, 3] transmural direction. Where it is zero or parallel to `psi` (at the apex)
            any perpendicular is taken, for there is no circumferential direction.
    """
    e1 = psi / np.linalg.norm(psi, axis=1, keepdims=True)
    scale = np.linalg.norm(phi, axis=1, keepdims=True)
    phi = np.divide(phi, scale, out=np.zeros_like(phi), where=scale > 0)
    e2 = _perpendicular_part(phi, e1)
    lost = np.linalg.norm(e2, axis=1) < 1e-8
    e2[lost] = _perpendicular_part(np.eye(3)[np.abs(e1[lost]).argmin(axis=1)], e1[lost])
    e2 /= np.linalg.norm(e2, axis=1, keepdims=True)
    return np.stack([np.cross(e1, e2), e1, e2], axis=2)


def orient(frame: np.ndarray, alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Rotate frames by the fibre angle about the transmural axis, then the sheet angle about f0.

    Frames [point, 3, 3] of `axis`, angles [point] rad -> [point, 3, 3] with columns f0, s0, n0.
    """
    zero, one = np.zeros_like(alpha), np.ones_like(alpha)
    ca, sa, cb, sb = np.cos(alpha), np.sin(alpha), np.cos(beta), np.sin(beta)
    about_transmural = np.array([[ca, -sa, zero], [sa, ca, zero], [zero, zero, one]])
    about_fiber = np.array([[one, zero, zero], [zero, cb, sb], [zero, -sb, cb]])
    return np.einsum("pij,jkp,klp->pil", frame, about_transmural, about_fiber, optimize=True)


def bislerp(frame_a: np.ndarray, frame_b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Spherical interpolation of frames [point, 3, 3] from a (t = 0) to b (t = 1), t [point].

    It starts from that right-handed frame, among the four with the axes of a up to sign, which is
    nearest to b.
    """
    x, y, z, w = Rotation.from_matrix(frame_a).as_quat().T
    end = Rotation.from_matrix(frame_b).as_quat()
    # The frame rotated by 180 degrees about its first, second or third axis.
    same_axes = np.array([[x, y, z, w], [w, z, -y, -x], [-z, w, x, -y], [y, -x, w, -z]])
    dot = np.einsum("kqp,pq->kp", same_axes, end)
    nearest, point = np.abs(dot).argmax(axis=0), np.arange(len(t))
    start, dot = same_axes[nearest, :, point], dot[nearest, point]
    end = np.where(dot < 0, -1.0, 1.0)[:, None] * end
    angle = np.arccos(np.clip(np.abs(dot), 0.0, 1.0))
    # sin((1 - t) angle) / sin(angle) in a form that is finite at angle = 0.
    from_start = (1 - t) * np.sinc((1 - t) * angle / np.pi) / np.sinc(angle / np.pi)
    from_end = t * np.sinc(t * angle / np.pi) / np.sinc(angle / np.pi)
    between = from_start[:, None] * start + from_end[:, None] * end
    return Rotation.from_quat(between).as_matrix()


def directions(heart: Heart, fields: WallFields) -> np.ndarray:
    """Gradients of apicobasal, LV, RV and epicardial field in each cell: [4, cell, 3] 1/mm.

    A cell with all four nodes on one surface (common where the wall is one cell thick) has a zero
    gradient; it takes the volume-weighted mean of the cells around it.

    Raises:
        StepFailed: the apicobasal field is flat even around a cell.
    """
    gradients = p1_gradients(heart.points, heart.cells)
    stacked = np.stack([fields.apicobasal, fields.lv, fields.rv, fields.epi])
    grads = cell_gradient(gradients, heart.cells, stacked)
    volumes = tet_volumes(heart.points, heart.cells)
    for grad in grads:
        norm = np.linalg.norm(grad, axis=1)
        flat = norm <= FLAT * np.median(norm)
        if np.any(flat) and np.any(norm > 0):
            nodal = np.zeros_like(heart.points)
            for corner in heart.cells.T:
                np.add.at(nodal, corner, volumes[:, None] * grad)
            grad[flat] = nodal[heart.cells[flat]].sum(axis=1)
    n_flat = int((np.linalg.norm(grads[0], axis=1) == 0).sum())
    if n_flat:
        raise StepFailed(f"fibres: the apicobasal field is flat in {n_flat} cells; check the base")
    return grads


def _perpendicular_part(vector: np.ndarray, unit: np.ndarray) -> np.ndarray:
    return vector - np.einsum("pi,pi->p", vector, unit)[:, None] * unit
