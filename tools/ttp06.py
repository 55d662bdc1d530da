"""The human ventricular cell of ten Tusscher and Panfilov (2006), line by line.

ten Tusscher, Panfilov, "Alternans and spiral breakup in a human ventricular tissue model", Am. J.
Physiol. 291:H1088 (2006), doi:10.1152/ajpheart.00109.2006; currents that it keeps are from ten
Tusscher, Noble, Noble, Panfilov, Am. J. Physiol. 286:H1573 (2004), doi:10.1152/ajpheart.00794.2003.
I_KATP and its dependence on extracellular potassium are from Shaw and Rudy, Cardiovasc. Res. 35:256
(1997), doi:10.1016/S0008-6363(97)00093-X. Units mV, ms, mM, pA/pF. Gates advance by Rush-Larsen,
the rest by forward Euler.
"""

from math import exp, log, sqrt
from typing import NamedTuple

import numba
import numpy as np

GAS, TEMPERATURE, FARADAY = 8314.472, 310.0, 96485.3415
RTF = GAS * TEMPERATURE / FARADAY
"""Thermal voltage, mV."""
CAPACITANCE = 0.185
V_CYTO, V_SR, V_SS = 0.016404, 0.001094, 0.00005468
"""Volumes of cytoplasm, sarcoplasmic reticulum and dyadic subspace."""
K_OUT, NA_OUT, CA_OUT = 5.4, 140.0, 2.0

STATES = (
    *("v", "xr1", "xr2", "xs", "m", "h", "j", "d", "f", "f2", "fcass", "s", "r"),
    *("ca_i", "r_prime", "ca_sr", "ca_ss", "na_i", "k_i"),
)
REST = np.array(
    [
        *(-85.23, 0.00621, 0.4712, 0.0095, 0.00172, 0.7444, 0.7045, 3.373e-5, 0.7888, 0.9755),
        *(0.9953, 0.999998, 2.42e-8, 0.000126, 0.9073, 3.64, 0.00036, 8.604, 136.89),
    ]
)
"""Published start of the state, in the order of `STATES`."""


class Conductances(NamedTuple):
    """Conductances that differ between cells, nS/pF, and factors on those of I_CaL and I_Na.

    The last two are of ischaemia: extracellular potassium, mM, and the conductance of I_KATP.
    """

    ks: float
    to: float
    kr: float = 0.153
    cal: float = 1.0
    na: float = 1.0
    k_out: float = K_OUT
    katp: float = 0.0


CELL_TYPES = {
    "endo": Conductances(0.392, 0.073),
    "mid": Conductances(0.098, 0.294),
    "epi": Conductances(0.392, 0.294),
}
"""Conductances of the published cell types."""


@numba.njit(cache=True)
def sigmoid(x: float) -> float:
    """1 / (1 + exp(x))."""
    return 1.0 / (1.0 + exp(x))


@numba.njit(cache=True)
def relax(gate: float, steady: float, tau: float, dt: float) -> float:
    """Rush-Larsen step of a gate."""
    return steady + (gate - steady) * exp(-dt / tau)


@numba.njit(cache=True)
def potassium_currents(y: np.ndarray, g: Conductances) -> tuple[float, ...]:
    """I_K1 with I_KATP, I_to, I_Kr, I_Ks, I_pK."""
    v, na_i, k_i = y[0], y[17], y[18]
    e_k = RTF * log(g.k_out / k_i)
    e_ks = RTF * log((g.k_out + 0.03 * NA_OUT) / (k_i + 0.03 * na_i))
    alpha = 0.1 / (1.0 + exp(0.06 * (v - e_k - 200.0)))
    beta = (3.0 * exp(0.0002 * (v - e_k + 100.0)) + exp(0.1 * (v - e_k - 10.0))) / (
        1.0 + exp(-0.5 * (v - e_k))
    )
    more = sqrt(g.k_out / K_OUT)
    i_k1 = more * 5.405 * alpha / (alpha + beta) * (v - e_k)
    if g.katp > 0.0:  # Shaw and Rudy 1997
        i_k1 += g.katp * (g.k_out / K_OUT) ** 0.24 * (v - e_k)
    i_to = g.to * y[12] * y[11] * (v - e_k)
    i_kr = more * g.kr * y[1] * y[2] * (v - e_k)
    i_ks = g.ks * y[3] ** 2 * (v - e_ks)
    i_pk = 0.0146 * (v - e_k) * sigmoid((25.0 - v) / 5.98)
    return i_k1, i_to, i_kr, i_ks, i_pk


@numba.njit(cache=True)
def sodium_calcium_currents(y: np.ndarray, g: Conductances) -> tuple[float, ...]:
    """I_Na, I_bNa, I_CaL, I_bCa, I_pCa, I_NaCa, I_NaK."""
    v, ca_i, ca_ss, na_i = y[0], y[13], y[16], y[17]
    e_na, e_ca = RTF * log(NA_OUT / na_i), 0.5 * RTF * log(CA_OUT / ca_i)
    i_na = g.na * 14.838 * y[4] ** 3 * y[5] * y[6] * (v - e_na)
    i_bna = 0.00029 * (v - e_na)
    z = 2.0 * (v - 15.0) / RTF
    if abs(z) < 1e-7:  # the limit of z / (exp(z) - 1)
        z = 1e-7
    i_cal = 3.98e-5 * g.cal * y[7] * y[8] * y[9] * y[10] * 2.0 * FARADAY * z
    i_cal *= (0.25 * ca_ss * exp(z) - CA_OUT) / (exp(z) - 1.0)
    i_bca = 0.000592 * (v - e_ca)
    i_pca = 0.1238 * ca_i / (ca_i + 0.0005)
    forward, backward = exp(0.35 * v / RTF), exp(-0.65 * v / RTF)
    i_naca = 1000.0 * (forward * na_i**3 * CA_OUT - backward * NA_OUT**3 * ca_i * 2.5)
    i_naca /= (87.5**3 + NA_OUT**3) * (1.38 + CA_OUT) * (1.0 + 0.1 * backward)
    i_nak = 2.724 * g.k_out / (g.k_out + 1.0) * na_i / (na_i + 40.0)
    i_nak /= 1.0 + 0.1245 * exp(-0.1 * v / RTF) + 0.0353 * exp(-v / RTF)
    return i_na, i_bna, i_cal, i_bca, i_pca, i_naca, i_nak


@numba.njit(cache=True)
def advance_potassium_gates(y: np.ndarray, endo: bool, dt: float) -> None:
    """Gates xr1, xr2, xs, s, r."""
    v = y[0]
    tau = 450.0 * sigmoid((-45.0 - v) / 10.0) * 6.0 * sigmoid((v + 30.0) / 11.5)
    y[1] = relax(y[1], sigmoid((-26.0 - v) / 7.0), tau, dt)
    tau = 3.0 * sigmoid((-60.0 - v) / 20.0) * 1.12 * sigmoid((v - 60.0) / 20.0)
    y[2] = relax(y[2], sigmoid((v + 88.0) / 24.0), tau, dt)
    tau = 1400.0 / sqrt(1.0 + exp((5.0 - v) / 6.0)) * sigmoid((v - 35.0) / 15.0) + 80.0
    y[3] = relax(y[3], sigmoid((-5.0 - v) / 14.0), tau, dt)
    if endo:
        steady, tau = sigmoid((v + 28.0) / 5.0), 1000.0 * exp(-((v + 67.0) ** 2) / 1000.0) + 8.0
    else:
        steady = sigmoid((v + 20.0) / 5.0)
        tau = 85.0 * exp(-((v + 45.0) ** 2) / 320.0) + 5.0 * sigmoid((v - 20.0) / 5.0) + 3.0
    y[11] = relax(y[11], steady, tau, dt)
    tau = 9.5 * exp(-((v + 40.0) ** 2) / 1800.0) + 0.8
    y[12] = relax(y[12], sigmoid((20.0 - v) / 6.0), tau, dt)


@numba.njit(cache=True)
def advance_sodium_gates(y: np.ndarray, dt: float) -> None:
    """Gates m, h, j."""
    v = y[0]
    tau = sigmoid((-60.0 - v) / 5.0)
    tau *= 0.1 * sigmoid((v + 35.0) / 5.0) + 0.1 * sigmoid((v - 50.0) / 200.0)
    y[4] = relax(y[4], sigmoid((-56.86 - v) / 9.03) ** 2, tau, dt)
    if v < -40.0:
        alpha_h = 0.057 * exp(-(v + 80.0) / 6.8)
        beta_h = 2.7 * exp(0.079 * v) + 3.1e5 * exp(0.3485 * v)
        alpha_j = (-2.5428e4 * exp(0.2444 * v) - 6.948e-6 * exp(-0.04391 * v)) * (v + 37.78)
        alpha_j *= sigmoid(0.311 * (v + 79.23))
        beta_j = 0.02424 * exp(-0.01052 * v) * sigmoid(-0.1378 * (v + 40.14))
    else:
        alpha_h, alpha_j = 0.0, 0.0
        beta_h = 0.77 / 0.13 * sigmoid(-(v + 10.66) / 11.1)
        beta_j = 0.6 * exp(0.057 * v) * sigmoid(-0.1 * (v + 32.0))
    steady = sigmoid((v + 71.55) / 7.43) ** 2
    y[5] = relax(y[5], steady, 1.0 / (alpha_h + beta_h), dt)
    y[6] = relax(y[6], steady, 1.0 / (alpha_j + beta_j), dt)


@numba.njit(cache=True)
def advance_calcium_gates(y: np.ndarray, dt: float) -> None:
    """Gates d, f, f2, fcass."""
    v = y[0]
    tau = (1.4 * sigmoid((-35.0 - v) / 13.0) + 0.25) * 1.4 * sigmoid((v + 5.0) / 5.0)
    y[7] = relax(y[7], sigmoid((-8.0 - v) / 7.5), tau + sigmoid((50.0 - v) / 20.0), dt)
    tau = 1102.5 * exp(-((v + 27.0) ** 2) / 225.0) + 200.0 * sigmoid((13.0 - v) / 10.0)
    tau += 180.0 * sigmoid((v + 30.0) / 10.0) + 20.0
    y[8] = relax(y[8], sigmoid((v + 20.0) / 7.0), tau, dt)
    tau = 600.0 * exp(-((v + 25.0) ** 2) / 170.0) + 31.0 * sigmoid((25.0 - v) / 10.0)
    tau += 16.0 * sigmoid((v + 30.0) / 10.0)
    y[9] = relax(y[9], 0.67 * sigmoid((v + 35.0) / 7.0) + 0.33, tau, dt)
    calm = 1.0 / (1.0 + (y[16] / 0.05) ** 2)
    y[10] = relax(y[10], 0.6 * calm + 0.4, 80.0 * calm + 2.0, dt)


@numba.njit(cache=True)
def advance(y: np.ndarray, g: Conductances, endo: bool, i_stim: float, dt: float) -> None:
    """One time step of the state, in place. i_stim in pA/pF, negative depolarises."""
    i_k1, i_to, i_kr, i_ks, i_pk = potassium_currents(y, g)
    i_na, i_bna, i_cal, i_bca, i_pca, i_naca, i_nak = sodium_calcium_currents(y, g)
    advance_potassium_gates(y, endo, dt)
    advance_sodium_gates(y, dt)
    advance_calcium_gates(y, dt)
    ca_i, ca_sr, ca_ss = y[13], y[15], y[16]
    k_casr = 2.5 - 1.5 / (1.0 + (1.5 / ca_sr) ** 2)
    k1, k2 = 0.15 / k_casr, 0.045 * k_casr
    is_open = k1 * ca_ss**2 * y[14] / (0.06 + k1 * ca_ss**2)
    y[14] += dt * (0.005 * (1.0 - y[14]) - k2 * ca_ss * y[14])
    release, leak = 0.102 * is_open * (ca_sr - ca_ss), 0.00036 * (ca_sr - ca_i)
    uptake = 0.006375 / (1.0 + (0.00025 / ca_i) ** 2)
    transfer = 0.0038 * (ca_ss - ca_i)
    per_current = CAPACITANCE / (V_CYTO * FARADAY)  # mM/ms per pA/pF into the cytoplasm
    free_i = 1.0 / (1.0 + 0.2 * 0.001 / (ca_i + 0.001) ** 2)
    free_sr = 1.0 / (1.0 + 10.0 * 0.3 / (ca_sr + 0.3) ** 2)
    free_ss = 1.0 / (1.0 + 0.4 * 0.00025 / (ca_ss + 0.00025) ** 2)
    through_membrane = 0.5 * per_current * (i_bca + i_pca - 2.0 * i_naca)
    y[13] += dt * free_i * ((leak - uptake) * V_SR / V_CYTO + transfer - through_membrane)
    y[15] += dt * free_sr * (uptake - release - leak)
    into_ss = -i_cal * CAPACITANCE / (2.0 * V_SS * FARADAY) + release * V_SR / V_SS
    y[16] += dt * free_ss * (into_ss - transfer * V_CYTO / V_SS)
    y[17] -= dt * per_current * (i_na + i_bna + 3.0 * i_nak + 3.0 * i_naca)
    i_k = i_k1 + i_to + i_kr + i_ks - 2.0 * i_nak + i_pk + i_stim
    y[18] -= dt * per_current * i_k
    i_ion = i_k1 + i_to + i_kr + i_ks + i_pk + i_nak
    i_ion += i_na + i_bna + i_cal + i_bca + i_pca + i_naca
    y[0] -= dt * (i_ion + i_stim)


@numba.njit(cache=True)
def pace(
    y: np.ndarray, g: Conductances, endo: bool, n_beats: int, cycle_ms: float, dt: float
) -> np.ndarray:
    """Pace a cell by 52 pA/pF for 1 ms a beat; advances `y` in place.

    Returns:
        [step] mV of the last beat, the first sample before its stimulus.
    """
    n_steps = int(round(cycle_ms / dt))
    v = np.empty(n_steps)
    for _ in range(n_beats):
        for k in range(n_steps):
            v[k] = y[0]
            advance(y, g, endo, -52.0 if k * dt < 1.0 else 0.0, dt)
    return v
