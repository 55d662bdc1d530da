"""One step of the Aliev-Panfilov equation on a surface, with its exact derivatives.

du/dt = D lap u + k u (1 - u)(u - a) - u v + i (1 - u)
dv/dt = r (eps + mu1 v / (u + mu2)) (-v - k u (u - a - 1))

The step is Heun's. The tangent is the derivative of the step itself, not a step of the tangent
equation, so that Gauss-Newton minimises what it evaluates. i(node, time) is the stimulus, whose
factor 1 - u ends it where the tissue is excited.

References:
    Aliev, Panfilov, Chaos Solitons Fractals 7:293 (1996), doi:10.1016/0960-0779(95)00089-5.
"""

import numba
import numpy as np

EPSILON, MU1, MU2 = 0.002, 0.3, 0.3
"""Parameters of the recovery, as in Zhu 2025, eq. (10)."""
DIFFUSION, STIMULUS = 0, 4
"""Kinds of controls: the rows 0 to 3 of the node parameters D, k, a and r, or the stimulus."""
N_KINDS = 5


@numba.njit(cache=True, fastmath=True)
def rates(state, lap, p, stimulus, out):  # noqa: ANN001, ANN201
    """Write du/dt and dv/dt of `state` (u, v) into `out`, all [node, column]; `lap` is lap u."""
    (u, v), (du, dv) = state, out
    n, m = u.shape
    for i in range(n):
        d, k, a, r = p[0, i], p[1, i], p[2, i], p[3, i]
        for c in range(m):
            x, w = u[i, c], v[i, c]
            du[i, c] = d * lap[i, c] + k * x * (1 - x) * (x - a) - x * w + stimulus[i, c] * (1 - x)
            dv[i, c] = r * (EPSILON + MU1 * w / (x + MU2)) * (-w - k * x * (x - a - 1))


@numba.njit(cache=True, fastmath=True)
def apply_csr(indptr, indices, data, x, out):  # noqa: ANN001, ANN201
    """Write matrix @ x into out; x and out are [node, column]."""
    n, m = x.shape
    for i in range(n):
        for c in range(m):
            out[i, c] = 0.0
        for q in range(indptr[i], indptr[i + 1]):
            j, value = indices[q], data[q]
            for c in range(m):
                out[i, c] += value * x[j, c]


@numba.njit(cache=True, fastmath=True)
def _tangent_rates(state, tangent, equation, controls, out):  # noqa: ANN001, ANN201
    """Write the derivative of `rates` along `tangent` [node, control] and controls into `out`."""
    (u, v, lap), (tu, tv, tlap), (du, dv) = state, tangent, out
    (p, stimulus), (kinds, weights, factors) = equation, controls
    n, m = tu.shape
    cu = np.empty(N_KINDS, dtype=u.dtype)
    cv = np.zeros(N_KINDS, dtype=u.dtype)
    for i in range(n):
        x, w = u[i, 0], v[i, 0]
        d, k, a, r = p[0, i], p[1, i], p[2, i], p[3, i]
        slow = EPSILON + MU1 * w / (x + MU2)
        drive = -w - k * x * (x - a - 1)
        cu[0] = lap[i, 0]
        cu[1] = x * (1 - x) * (x - a)
        cu[2] = -k * x * (1 - x)
        cu[3] = 0.0
        cu[4] = 1 - x
        cv[1] = -r * slow * x * (x - a - 1)
        cv[2] = r * slow * k * x
        cv[3] = slow * drive
        uu = k * (-3 * x * x + 2 * (1 + a) * x - a) - w - stimulus[i, 0]
        vu = r * (-MU1 * w / (x + MU2) ** 2 * drive - slow * k * (2 * x - a - 1))
        vv = r * (MU1 / (x + MU2) * drive - slow)
        for c in range(m):
            g = weights[i, c] * factors[c]
            du[i, c] = d * tlap[i, c] + uu * tu[i, c] - x * tv[i, c] + cu[kinds[c]] * g
            dv[i, c] = vu * tu[i, c] + vv * tv[i, c] + cv[kinds[c]] * g


@numba.njit(cache=True, fastmath=True)
def heun(matrix, p, stimulus, dt, u, v):  # noqa: ANN001, ANN201
    """Advance u and v [node, column] in place by one step.

    `matrix` is (indptr, indices, data) of the Laplacian; `stimulus` [2, node, column] holds the
    stimulus at the step's begin and end.
    """
    indptr, indices, data = matrix
    lap, du, dv, du2, dv2 = np.empty((5, *u.shape), u.dtype)
    apply_csr(indptr, indices, data, u, lap)
    rates((u, v), lap, p, stimulus[0], (du, dv))
    u1, v1 = u + dt * du, v + dt * dv
    apply_csr(indptr, indices, data, u1, lap)
    rates((u1, v1), lap, p, stimulus[1], (du2, dv2))
    u += 0.5 * dt * (du + du2)
    v += 0.5 * dt * (dv + dv2)


@numba.njit(cache=True, fastmath=True)
def heun_tangent(matrix, equation, dt, state, tangent, controls):  # noqa: ANN001, ANN201
    """Advance one column by `heun`, and in place the derivative of its result to every control.

    Args:
        matrix, dt: as in `heun`.
        equation: p and stimulus as in `heun`, one column.
        state: (u, v), [node, 1] each.
        tangent: (tu, tv), [node, control] each.
        controls: kinds [control], a row of `p` or STIMULUS; weights [node, control], derivative
            of the row, or of the stimulus' map, to the control; factors [2, control], time course
            of the stimulus' derivative at the step's begin and end, 1 for other kinds.
    """
    indptr, indices, data = matrix
    (u, v), (tu, tv) = state, tangent
    (p, stimulus), (kinds, weights, factors) = equation, controls
    lap, du, dv, du2, dv2 = np.empty((5, *u.shape), u.dtype)
    tlap, a, b, a2, b2 = np.empty((5, *tu.shape), tu.dtype)
    apply_csr(indptr, indices, data, u, lap)
    rates((u, v), lap, p, stimulus[0], (du, dv))
    apply_csr(indptr, indices, data, tu, tlap)
    begin = (kinds, weights, factors[0])
    _tangent_rates((u, v, lap), (tu, tv, tlap), (p, stimulus[0]), begin, (a, b))
    u1, v1, tu1, tv1 = u + dt * du, v + dt * dv, tu + dt * a, tv + dt * b
    apply_csr(indptr, indices, data, u1, lap)
    rates((u1, v1), lap, p, stimulus[1], (du2, dv2))
    apply_csr(indptr, indices, data, tu1, tlap)
    end = (kinds, weights, factors[1])
    _tangent_rates((u1, v1, lap), (tu1, tv1, tlap), (p, stimulus[1]), end, (a2, b2))
    u += 0.5 * dt * (du + du2)
    v += 0.5 * dt * (dv + dv2)
    tu += 0.5 * dt * (a + a2)
    tv += 0.5 * dt * (b + b2)
