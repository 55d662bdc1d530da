"""Shapes for the encoder alone: nobody of the cohort, a hypercube, exact distances."""

import numpy as np
import pytest

from einthoven.base.config.models import AnatomySettings, CohortSettings, SdfSampleSettings
from einthoven.base.core.errors import StepFailed
from einthoven.base.core.names import SHAPES_PER_CHUNK
from einthoven.base.geometry.signed_distance import signed_distances
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.body.anatomy.body import build_anatomy, placed_body
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.learning.samples import shapes

COHORT = CohortSettings()
ANATOMY = AnatomySettings(heart_edge_mm=8.0)
SAMPLES = SdfSampleSettings(n_points=200)
COEFFS = ("heart_coeffs", "torso_coeffs", "pose_coeffs")


def coeffs(parameters):
    return sum((getattr(parameters, key) for key in COEFFS), [])


@pytest.mark.parametrize("block_size", [32, 11])
def test_no_shape_is_a_patient(block_size):
    section = CohortSettings(block_size=block_size, val_per_block=2, test_per_block=1)
    patients = np.array([coeffs(draw_patient(i, section)) for i in range(200)])
    drawn = np.array([coeffs(shapes.shape_parameters(i, section)) for i in range(200)])
    assert np.abs(patients[:, None] - drawn[None]).max(axis=2).min() > 0.1


def test_a_chunk_is_a_latin_hypercube_of_the_cohorts_range():
    section = CohortSettings(range_sd=1.5)
    for chunk in (0, 3):
        start = chunk * SHAPES_PER_CHUNK
        drawn = [
            coeffs(shapes.shape_parameters(start + i, section)) for i in range(SHAPES_PER_CHUNK)
        ]
        cells = np.floor((np.array(drawn) / 3.0 + 0.5) * SHAPES_PER_CHUNK).astype(int)
        assert np.array_equal(
            np.sort(cells, axis=0), np.tile(np.arange(SHAPES_PER_CHUNK)[:, None], (1, 26))
        )


def test_samples_are_those_of_the_shapes_surfaces(monkeypatch):
    monkeypatch.setattr(shapes, "SHAPES_PER_CHUNK", 2)
    found = shapes.draw_chunk(1, COHORT, ANATOMY, SAMPLES)
    assert found["shape"].tolist() == [2, 3] and found["sdf"].shape == (2, 200, 4)
    body = placed_body(shapes.shape_parameters(3, COHORT), ANATOMY)
    surfaces = Surfaces.joined(body.surfaces())
    exact = signed_distances(surfaces, found["sdf_points"][1])
    np.testing.assert_allclose(found["sdf"][1], exact, atol=1e-4)
    again = shapes.draw_chunk(1, COHORT, ANATOMY, SAMPLES)
    assert all(np.array_equal(found[name], again[name]) for name in found)


def test_the_surfaces_are_those_of_a_patient_with_these_parameters():
    parameters = shapes.shape_parameters(5, COHORT)
    anatomy = build_anatomy(parameters, ANATOMY)
    surfaces = Surfaces.joined(placed_body(parameters, ANATOMY).surfaces())
    for name, values in vars(surfaces).items():
        np.testing.assert_array_equal(values, getattr(anatomy, name))


def test_a_shape_that_does_not_fit_is_left_out(monkeypatch):
    monkeypatch.setattr(shapes, "SHAPES_PER_CHUNK", 2)
    real = shapes.placed_body

    def fails_for(bad):
        def place(parameters, anatomy):
            if parameters.patient in bad:
                raise StepFailed("heart does not fit")
            return real(parameters, anatomy)

        monkeypatch.setattr(shapes, "placed_body", place)
        return shapes.draw_chunk(0, COHORT, ANATOMY, SAMPLES)

    assert fails_for({"shape 1"})["shape"].tolist() == [0]
    with pytest.raises(StepFailed, match="range_sd"):
        fails_for({"shape 0", "shape 1"})
