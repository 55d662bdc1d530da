"""Pairs of beats: the same cells without and with a scar, and their file."""

import numpy as np
import pytest
from helpers.heart import activated_patient
from helpers.infarct_pairs import made_up

from einthoven.base.config.imaging import ImagingSettings
from einthoven.base.config.substrate import SubstrateSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import save_arrays
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.imaging.corpus.beat_parameters import draw_beats
from einthoven.imaging.corpus.simulator import Simulator
from einthoven.imaging.infarct.pairs import InfarctPairs
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad

SCARS = SubstrateSettings(kind="scar", regions=[{"by": "territory", "artery": "LAD"}],
                          transmurality=[0.6, 1.0])  # fmt: skip


@pytest.fixture(scope="module")
def simulator():
    heart, rng = activated_patient().heart, np.random.default_rng(1)
    places = heart.points.mean(axis=0) + 120.0 * rng.normal(size=(9, 3))
    fields = {"pseudo": pseudo_lead_field_grad(heart.centroids, places, 0.2)}
    return Simulator.of(activated_patient(), fields)


@pytest.fixture(scope="module")
def cases():
    return draw_beats(ImagingSettings(paced_share=0.5), "ideal", 4)


def test_each_pair_is_one_case_without_and_with_a_scar_of_its_own(simulator, cases):
    pairs = InfarctPairs.of(simulator, cases, SCARS, "train")
    conducted = [k for k, case in enumerate(cases) if not case.pattern.startswith("paced")]
    assert 0 < len(pairs) == len(conducted) < len(cases)
    name, k = simulator.patient.name, conducted[-1]
    heart, scar = simulator.with_scar(SCARS.of_patient(f"{name}-{k}"))
    for found, one in ((pairs.healthy[-1], simulator), (pairs.scarred[-1], heart)):
        ecg = twelve_lead(STANDARD_ELECTRODES, one.simulate(cases[k]).potentials["pseudo"])
        np.testing.assert_allclose(found, ecg, atol=2e-3)
    np.testing.assert_array_equal(pairs.segment_share[-1], scar.segment_share)
    assert pairs.label("lv_percent")[-1] == scar.lv_percent > 0
    assert len(np.unique(pairs.label("transmurality"))) == len(pairs)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"kind": "ischaemia"}, "kind: scar"),
        ({"share": 0.5}, "share: 1.0"),
        ({"in_lead_field": True}, "in_lead_field"),
    ],
)
def test_other_sections_are_refused(simulator, cases, change, words):
    with pytest.raises(BadInput, match=words):
        InfarctPairs.of(simulator, cases, SCARS.model_copy(update=change), "train")


def test_paced_beats_alone_are_refused(simulator, cases):
    paced = [case for case in cases if case.pattern.startswith("paced")]
    with pytest.raises(BadInput, match="paced_share"):
        InfarctPairs.of(simulator, paced, SCARS, "train")


def test_the_file_has_all_of_it(tmp_path):
    pairs = made_up(5)
    for name in ("p0000", "p0001"):
        one = pairs.rows(pairs.patient == name)
        one.save(tmp_path / f"{name}.npz")
        one.save(tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == (tmp_path / f"{name}.npz").read_bytes()
    found, kept = InfarctPairs.read(tmp_path), pairs.rows(pairs.patient != "p0002")
    for name, value in vars(found).items():
        if name in ("healthy", "scarred"):  # limb leads are those of I and II
            np.testing.assert_allclose(value[:, 6:], getattr(kept, name)[:, 6:], atol=6e-4)
        else:
            np.testing.assert_array_equal(value, getattr(kept, name))


def test_what_is_no_file_of_pairs_is_refused(tmp_path):
    with pytest.raises(BadInput, match="snakemake infarcts"):
        InfarctPairs.read(tmp_path)
    with pytest.raises(BadInput, match="3 patients"):
        made_up(2).save(tmp_path / "all.npz")
    save_arrays(tmp_path / "other.npz", {"pattern": np.zeros(3)})
    with pytest.raises(BadInput, match="other.npz"):
        InfarctPairs.read(tmp_path)
