"""Values of a sampled signal between its samples: levels, turning points, slopes, areas."""

import numpy as np


def value_at(time: np.ndarray, x: np.ndarray, t: float) -> float:
    """Linear interpolation; NaN outside the record.

    Args:
        time: [time] ms, rising. x: [time]. t: ms.
    """
    return float(np.interp(t, time, x, left=np.nan, right=np.nan))


def mean_between(time: np.ndarray, x: np.ndarray, start: float, end: float) -> np.ndarray:
    """Mean of the samples in [start, end] along the last axis; of the nearest one if there is none.

    Args:
        time: [time] ms. x: [..., time]. start, end: ms.

    Returns:
        [...] in the unit of x.
    """
    inside = (time >= start) & (time <= end)
    if not inside.any():
        inside[np.argmin(np.abs(time - (start + end) / 2))] = True
    return np.asarray(x[..., inside].mean(axis=-1))


def vertex(time: np.ndarray, x: np.ndarray, k: int) -> tuple[float, float]:
    """Time and value of the turning point near sample k, by the parabola through three samples.

    Such a peak moves with the signal and not with the sampling. At an end of the record, or where
    the three samples do not turn, it is the sample itself.
    """
    if not 0 < k < len(x) - 1:
        return float(time[k]), float(x[k])
    left, middle, right = x[k - 1 : k + 2].astype(float)
    bend = left - 2 * middle + right
    if bend == 0 or abs(shift := (left - right) / (2 * bend)) > 1:
        return float(time[k]), float(middle)
    step = (time[k + 1] - time[k - 1]) / 2
    return float(time[k] + shift * step), float(middle - (left - right) * shift / 4)


def slope_of_lines(time: np.ndarray, x: np.ndarray, span_ms: float) -> tuple[np.ndarray, int]:
    """Slopes of least-squares lines through windows centred at each sample.

    Args:
        time: [time] ms, uniform. x: [time]. span_ms: width of a window.

    Returns:
        [time] slopes per ms, zero where the window leaves the record; samples in half a window.
    """
    step = (time[-1] - time[0]) / (len(time) - 1)
    half = max(1, round(span_ms / 2 / step))
    slopes = np.zeros(len(x))
    if len(x) > 2 * half:
        offsets = np.arange(-half, half + 1) * step
        slopes[half:-half] = np.correlate(x, offsets / (offsets @ offsets), mode="valid")
    return slopes, half


def areas(time: np.ndarray, x: np.ndarray, start: float, end: float) -> np.ndarray:
    """Integral from start to end along the last axis by the trapezoidal rule.

    The ends are interpolated, so that the area does not jump from sample to sample.

    Args:
        time: [time] ms. x: [..., time] mV. start, end: ms, inside the record.

    Returns:
        [...] mV ms.
    """
    knots = np.concatenate([[start], time[(time > start) & (time < end)], [end]])
    rows = [np.interp(knots, time, row) for row in x.reshape(-1, len(time))]
    return np.trapezoid(np.array(rows), knots, axis=-1).reshape(x.shape[:-1])
