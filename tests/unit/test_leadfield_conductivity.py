"""Conductivity tensors: eigenvalues, places, and slips of units."""

import numpy as np
import pytest
from helpers_fem import unit

from einthoven.config import Config
from einthoven.config.models import CONDUCTIVITY_RANGES
from einthoven.core.errors import BadInput
from einthoven.core.tags import Tissue
from einthoven.leadfield.conductivity import RANGES, Conductivities, bulk, intracellular

SECTION = Config().leadfield.model_dump()


def test_eigenvalues_and_fibre_axis():
    f0 = unit(np.random.default_rng(0).normal(size=(20, 3)))
    tensors = intracellular(f0.astype(np.float32), 0.3, 0.03)
    np.testing.assert_allclose(np.linalg.eigvalsh(tensors), [[0.03, 0.03, 0.3]] * 20, atol=1e-12)
    np.testing.assert_allclose(np.einsum("cij,cj->ci", tensors, f0), 0.3 * f0, atol=1e-6)
    np.testing.assert_allclose(tensors, intracellular(-f0, 0.3, 0.03), atol=1e-6)


def test_bulk_puts_each_tissue_in_its_place():
    sigma = Conductivities.from_section(SECTION)
    tags = np.array([1, Tissue.TORSO, Tissue.LUNG, Tissue.LV_BLOOD, Tissue.RV_BLOOD])
    tensors = bulk(np.array([[0.0, 0.0, 1.0]]), tags, sigma)
    np.testing.assert_allclose(tensors[0], np.diag([0.15, 0.15, 0.6]))  # G_i + G_e
    np.testing.assert_allclose(tensors[1], 0.06 * np.eye(3))
    np.testing.assert_allclose(tensors[2], 0.0389 * np.eye(3))
    np.testing.assert_allclose(tensors[3:], [sigma.sigma_blood * np.eye(3)] * 2)


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize(("factor", "hint"), [(10, "mS/cm"), (1000, "mS/m")])
def test_slips_of_units_are_named(name, factor, hint):
    if name == "sigma_blood" and factor == 10:
        factor = 30  # ten times the paper's value is the usual value for blood
        hint = ""
    slipped = SECTION | {f"{name}_s_per_m": SECTION[f"{name}_s_per_m"] * factor}
    with pytest.raises(BadInput, match=f"{name} = .*{hint}"):
        Conductivities.from_section(slipped)


def test_config_and_room_draw_the_same_line():
    assert {f"{name}_s_per_m": span for name, span in RANGES.items()} == CONDUCTIVITY_RANGES


def test_unknown_and_missing_keys():
    with pytest.raises(BadInput, match="sigma_tosro"):
        Conductivities.from_section(SECTION | {"sigma_tosro_s_per_m": 0.06})
    with pytest.raises(BadInput, match="missing keys .'sigma_il"):
        Conductivities.from_section({k: v for k, v in SECTION.items() if "_il_" not in k})


def test_fibres_that_do_not_fit():
    sigma = Conductivities.from_section(SECTION)
    f0 = np.array([[1.0, 0.0, 0.0]])
    with pytest.raises(BadInput, match="same run"):
        bulk(f0, np.array([Tissue.MYOCARDIUM] * 2), sigma)
    with pytest.raises(BadInput, match="come first"):
        bulk(f0, np.array([Tissue.TORSO, Tissue.MYOCARDIUM]), sigma)
    with pytest.raises(BadInput, match="unit vectors"):
        intracellular(0 * f0, 0.3, 0.03)
    with pytest.raises(BadInput, match="unknown tags .9"):
        bulk(f0, np.array([1, 9]), sigma)
