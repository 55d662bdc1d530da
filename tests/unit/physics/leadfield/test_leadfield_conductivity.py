"""Conductivity tensors: eigenvalues, places, and slips of units."""

import numpy as np
import pytest
from helpers.fem import unit
from pydantic import ValidationError

from einthoven.base.config.models import CONDUCTIVITY_RANGES, LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Tissue
from einthoven.physics.leadfield.conductivity import bulk, intracellular

SIGMA = LeadFieldSettings(sigma_torso_s_per_m=0.06, sigma_blood_s_per_m=0.06)


def test_eigenvalues_and_fibre_axis():
    f0 = unit(np.random.default_rng(0).normal(size=(20, 3)))
    tensors = intracellular(f0.astype(np.float32), SIGMA)
    np.testing.assert_allclose(np.linalg.eigvalsh(tensors), [[0.03, 0.03, 0.3]] * 20, atol=1e-12)
    np.testing.assert_allclose(np.einsum("cij,cj->ci", tensors, f0), 0.3 * f0, atol=1e-6)
    np.testing.assert_allclose(tensors, intracellular(-f0, SIGMA), atol=1e-6)


def test_bulk_puts_each_tissue_in_its_place():
    sigma = LeadFieldSettings(sigma_blood_s_per_m=0.7)
    tags = np.array([1, Tissue.TORSO, Tissue.LUNG, Tissue.LV_BLOOD, Tissue.RV_BLOOD])
    tensors = bulk(np.array([[0.0, 0.0, 1.0]]), tags, sigma)
    np.testing.assert_allclose(tensors[0], np.diag([0.15, 0.15, 0.6]))  # G_i + G_e
    np.testing.assert_allclose(tensors[1], 0.2 * np.eye(3))
    np.testing.assert_allclose(tensors[2], 0.0389 * np.eye(3))
    np.testing.assert_allclose(tensors[3:], [0.7 * np.eye(3)] * 2)


@pytest.mark.parametrize("name", CONDUCTIVITY_RANGES)
@pytest.mark.parametrize(("factor", "hint"), [(10, "mS/cm"), (1000, "mS/m")])
def test_slips_of_units_are_named(name, factor, hint):
    if name == "sigma_blood_s_per_m" and factor == 10:
        factor = 30  # ten times the paper's value is the usual value for blood
        hint = ""
    with pytest.raises(ValidationError, match=f"(?s){name}.*{hint}"):
        LeadFieldSettings.model_validate({name: getattr(SIGMA, name) * factor})


def test_fibres_that_do_not_fit():
    f0 = np.array([[1.0, 0.0, 0.0]])
    with pytest.raises(BadInput, match="same run"):
        bulk(f0, np.array([Tissue.MYOCARDIUM] * 2), SIGMA)
    with pytest.raises(BadInput, match="come first"):
        bulk(f0, np.array([Tissue.TORSO, Tissue.MYOCARDIUM]), SIGMA)
    with pytest.raises(BadInput, match="unit vectors"):
        intracellular(0 * f0, SIGMA)
    with pytest.raises(BadInput, match="unknown tags .9"):
        bulk(f0, np.array([1, 9]), SIGMA)
