"""Lead algebra: Einthoven, Goldberger, Wilson; the reference does not matter."""

import numpy as np
import pytest

from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import INDEPENDENT_ROWS, LEADS, STANDARD_ELECTRODES
from einthoven.physics.ecg.leads import all_leads, lead_matrix, twelve_lead

NAMES = ["A000", *STANDARD_ELECTRODES[::-1], "A001"]
POTENTIAL = np.random.default_rng(0).normal(size=(len(NAMES), 50))
LEAD = dict(zip(LEADS, twelve_lead(NAMES, POTENTIAL)))
PHI = dict(zip(NAMES, POTENTIAL))


def test_limb_leads():
    np.testing.assert_allclose(LEAD["I"], PHI["LA"] - PHI["RA"])
    np.testing.assert_allclose(LEAD["II"], PHI["LL"] - PHI["RA"])
    np.testing.assert_allclose(LEAD["III"], PHI["LL"] - PHI["LA"], atol=1e-14)
    goldberger = PHI["RA"] - (PHI["LA"] + PHI["LL"]) / 2
    np.testing.assert_allclose(LEAD["aVR"], goldberger, atol=1e-14)
    np.testing.assert_allclose(LEAD["aVF"], PHI["LL"] - (PHI["RA"] + PHI["LA"]) / 2, atol=1e-14)
    np.testing.assert_allclose(LEAD["I"] + LEAD["III"], LEAD["II"], atol=1e-14)
    np.testing.assert_allclose(LEAD["aVR"] + LEAD["aVL"] + LEAD["aVF"], 0, atol=1e-14)
    np.testing.assert_allclose(LEAD["aVL"], (LEAD["I"] - LEAD["III"]) / 2, atol=1e-14)


def test_eight_leads_give_the_other_four():
    ecg = np.stack([np.array(list(LEAD.values()))] * 2)
    independent = ecg[:, INDEPENDENT_ROWS]
    np.testing.assert_allclose(all_leads(independent), ecg, atol=1e-14)
    assert all_leads(np.float32(independent)).dtype == np.float32


def test_precordial_leads_refer_to_wilsons_terminal():
    wilson = (PHI["RA"] + PHI["LA"] + PHI["LL"]) / 3
    for name in ("V1", "V4", "V6"):
        np.testing.assert_allclose(LEAD[name], PHI[name] - wilson, atol=1e-14)


def test_ground_and_other_electrodes_do_not_matter():
    np.testing.assert_allclose(
        twelve_lead(NAMES, POTENTIAL + 5 * np.sin(np.arange(50))), list(LEAD.values()), atol=1e-13
    )
    np.testing.assert_allclose(
        twelve_lead(NAMES[1:-1], POTENTIAL[1:-1]), list(LEAD.values()), atol=1e-14
    )
    np.testing.assert_allclose(lead_matrix(NAMES).sum(axis=1), 0, atol=1e-15)


def test_scenarios_stack_in_front():
    stacked = twelve_lead(NAMES, np.stack([POTENTIAL, 2 * POTENTIAL]))
    assert stacked.shape == (2, 12, 50)
    np.testing.assert_allclose(stacked[1], 2 * stacked[0])


def test_bad_names():
    with pytest.raises(BadInput, match="no LL, V3"):
        twelve_lead([n for n in NAMES if n not in ("LL", "V3")], POTENTIAL[:-2])
    with pytest.raises(BadInput, match="V1 given more than once"):
        twelve_lead([*NAMES[:-1], "V1"], POTENTIAL)
    with pytest.raises(BadInput, match="does not fit"):
        twelve_lead(NAMES, POTENTIAL[:-1])
    with pytest.raises(BadInput, match="NaN"):
        twelve_lead(NAMES, POTENTIAL * np.nan)
