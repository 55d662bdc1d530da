"""Validators that name the argument and the likely cause."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from einthoven.base.core.errors import BadInput


def finite(name: str, array: np.ndarray) -> np.ndarray:
    """Return `array` if it holds no NaN or infinity.

    Raises:
        BadInput: names the field and counts the bad values.
    """
    array = np.asarray(array)
    bad = array.size - int(np.isfinite(array).sum())
    if bad:
        raise BadInput(f"{name}: {bad} of {array.size} values are NaN or infinite")
    return array


def shape(name: str, array: np.ndarray, expected: Sequence[int | None]) -> np.ndarray:
    """Return `array` if its shape matches; None in `expected` stands for any length.

    Raises:
        BadInput: gives both shapes.
    """
    array = np.asarray(array)
    ok = array.ndim == len(expected) and all(
        want is None or want == have for want, have in zip(expected, array.shape)
    )
    if not ok:
        want = tuple("any" if n is None else n for n in expected)
        raise BadInput(f"{name}: shape {array.shape}, expected {want}")
    return array


def between(name: str, value: float, low: float, high: float, hint: str = "") -> float:
    """Return `value` if low <= value <= high.

    Raises:
        BadInput: gives the range and the hint (probable cause).
    """
    if not low <= value <= high:
        raise BadInput(
            f"{name} = {value:g} is outside {low:g} to {high:g}{'; ' + hint if hint else ''}"
        )
    return value


def unique(name: str, values: Sequence[str]) -> Sequence[str]:
    """Return `values` if none occurs twice.

    Raises:
        BadInput: names the duplicates.
    """
    if twice := sorted(value for value, count in Counter(values).items() if count > 1):
        raise BadInput(f"{name}: {', '.join(twice)} given more than once")
    return values
