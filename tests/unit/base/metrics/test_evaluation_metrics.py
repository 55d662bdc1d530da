"""Metrics meet known pairs."""

import numpy as np
import pytest

from einthoven.base.core.errors import BadInput
from einthoven.base.metrics import fields as metrics

RNG = np.random.default_rng(3)


def turned(vectors: np.ndarray, degrees: float) -> np.ndarray:
    """Each vector turned by an angle about an axis at right angles to it (Rodrigues)."""
    other = np.cross(vectors, RNG.normal(size=vectors.shape))
    axis = other / np.linalg.norm(other, axis=-1, keepdims=True)
    angle = np.radians(degrees)
    return vectors * np.cos(angle) + np.cross(axis, vectors) * np.sin(angle)


@pytest.mark.parametrize("degrees", [0.0, 1e-5, 10.0, 90.0, 179.9])
@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e-150])
def test_angle_of_turned_vectors(degrees: float, scale: float) -> None:
    true = scale * RNG.normal(size=(4, 50, 3))
    angle = metrics.angular_error_deg(2.5 * turned(true, degrees), true)
    np.testing.assert_allclose(angle, degrees, rtol=1e-6, atol=1e-9)


def test_angle_agrees_with_the_papers_arc_cosine() -> None:
    a, b = RNG.normal(size=(2, 100, 3))
    cosine = (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))
    np.testing.assert_allclose(metrics.angular_error_deg(a, b), np.degrees(np.arccos(cosine)))


def test_angle_to_nothing_is_ninety() -> None:
    assert metrics.angular_error_deg(np.zeros(3), np.array([1.0, 0, 0])) == 90.0


def test_identical_is_zero_everywhere() -> None:
    grad, ecg = RNG.normal(size=(2, 9, 3)), RNG.normal(size=(3, 12, 40))
    assert metrics.angular_error_deg(grad, grad).max() == 0.0
    assert metrics.magnitude_error(grad, grad).max() == 0.0
    assert metrics.rel_l2(ecg, ecg).max() == 0.0


def test_scaling_is_seen_by_magnitude_and_not_by_angle() -> None:
    grad = RNG.normal(size=(5, 3))
    assert metrics.angular_error_deg(1.2 * grad, grad).max() < 1e-6
    np.testing.assert_allclose(metrics.magnitude_error_rel(1.2 * grad, grad), 0.2)
    length = np.linalg.norm(grad, axis=-1)
    np.testing.assert_allclose(metrics.magnitude_error(1.2 * grad, grad), 0.2 * length)


def test_rel_l2_of_offset_sine() -> None:
    t = np.linspace(0, 1, 1001)[:-1]
    true = np.sin(2 * np.pi * t)[None]
    np.testing.assert_allclose(metrics.rel_l2(true + 0.1, true), 0.1 * np.sqrt(2), rtol=1e-9)


def test_cdf_of_known_values() -> None:
    shares = metrics.cdf(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, 1.0, 3.5, 9.0]))
    np.testing.assert_array_equal(shares, [0.0, 0.25, 0.75, 1.0])


def test_weighted_mean() -> None:
    assert metrics.weighted_mean(np.array([1.0, 4.0]), np.array([1.0, 3.0])) == 3.25


@pytest.mark.parametrize("bad", ["nan", "shape", "zero"])
def test_bad_input_is_refused(bad: str) -> None:
    true = RNG.normal(size=(4, 3))
    if bad == "nan":
        with pytest.raises(BadInput, match="NaN"):
            metrics.angular_error_deg(np.where(true > 0, np.nan, true), true)
    elif bad == "shape":
        with pytest.raises(BadInput, match="differ"):
            metrics.magnitude_error(true[:3], true)
    else:
        with pytest.raises(BadInput, match="zero"):
            metrics.rel_l2(true, 0 * true)
