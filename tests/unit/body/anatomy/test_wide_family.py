"""Real bases, finer hearts and lungs for a part of the family; what an edit reaches."""

from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from einthoven.app.run.plan import Plan
from einthoven.base.config import load
from einthoven.base.config.augmentation import AugmentationSettings
from einthoven.base.config.models import AnatomySettings, CohortSettings, Config
from einthoven.base.core.tags import LUNGS, Surface
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.anatomy.shape.atlas_heart import heart_surfaces
from einthoven.body.anatomy.shape.deformed_heart import BaseCurve, HeartDeformation

WIDE = load(Path(__file__).resolve().parents[4] / "config/any_body.yaml")
FINE_FOR_A_PART = WIDE.augmentation.model_copy(update={"fine_share": 0.15})
CONFIG = WIDE.model_copy(update={"augmentation": FINE_FOR_A_PART})
PATIENTS = [f"p{k:04d}" for k in range(80)]
BASE = (Surface.BASE, Surface.LV_CAP, Surface.RV_CAP)


@cache
def mean_heart():
    return heart_surfaces(np.zeros(10), 4.0)


def edited(**changes) -> Config:
    """The config with other keys in its section augmentation."""
    section = AugmentationSettings.model_validate(CONFIG.augmentation.model_dump() | changes)
    return CONFIG.model_copy(update={"augmentation": section})


def settings(config: Config) -> dict[str, list]:
    """Parameters of the rules for each patient."""
    plan = Plan.of(config)
    who = [SimpleNamespace(patient=name) for name in PATIENTS]
    return {
        "anatomy": [
            (plan.settings.anatomy_of(one), plan.settings.shape_augmentation) for one in who
        ],
        "mesh": [plan.settings.mesh_of(one) for one in who],
        "leadfield": [plan.settings.leadfield_of(one) for one in who],
    }


def touched(before: dict[str, list], after: dict[str, list]) -> dict[str, list[int]]:
    """Patients whose settings an edit changes, by rule."""
    return {
        rule: [k for k, pair in enumerate(zip(before[rule], after[rule])) if pair[0] != pair[1]]
        for rule in before
    }


def test_shares_are_of_the_size_asked_for_and_grow_by_those_who_join():
    before = settings(CONFIG)
    fine = [k for k, mesh in enumerate(before["mesh"]) if mesh["heart_edge_mm"] == 2.2]
    lungs = [k for k, (anatomy, _) in enumerate(before["anatomy"]) if anatomy["lungs"]]
    for found, share in ((fine, CONFIG.augmentation.fine_share),
                         (lungs, CONFIG.augmentation.lung_share)):  # fmt: skip
        n = len(PATIENTS)
        assert abs(len(found) - n * share) < 3.5 * np.sqrt(n * share * (1 - share))
    assert [a["heart_edge_mm"] for a, _ in before["anatomy"]] == [
        m["heart_edge_mm"] for m in before["mesh"]
    ]
    more = settings(edited(fine_share=0.4))
    changed = touched(before, more)
    assert changed["mesh"] == changed["anatomy"] and not changed["leadfield"]
    assert not set(changed["mesh"]) & set(fine)
    assert all(more["mesh"][k]["heart_edge_mm"] == 2.2 for k in (*fine, *changed["mesh"]))


def test_edits_touch_what_they_are_of():
    before = settings(CONFIG)
    with_lungs = [k for k, (anatomy, _) in enumerate(before["anatomy"]) if anatomy["lungs"]]
    fine = [k for k, mesh in enumerate(before["mesh"]) if mesh["heart_edge_mm"] == 2.2]
    everybody = list(range(len(PATIENTS)))
    for change, reached in {
        "sigma_lung_s_per_m": {"leadfield": with_lungs},
        "sigma_blood_s_per_m": {"leadfield": everybody},
        "fine_edge_mm": {"anatomy": fine, "mesh": fine},
        "base_curve_mm": {"anatomy": everybody},
    }.items():
        value = [0.05, 0.3] if change.startswith("sigma") else 3.0
        nothing = {"anatomy": [], "mesh": [], "leadfield": []}
        assert touched(before, settings(edited(**{change: value}))) == nothing | reached, change
    unused = settings(edited(sigma_il_s_per_m=None))
    assert touched(before, unused)["anatomy"] == []


def test_a_base_has_the_shape_asked_for():
    heart = mean_heart()
    assert not BaseCurve().moves(heart).any()
    z = heart.points[:, 2]
    opening = np.unique(heart.tagged(Surface.RV_CAP))
    front = opening[heart.points[opening, 1].argmax()]
    moves = BaseCurve(outflow_mm=12.0).moves(heart)
    assert moves[front, 2] == pytest.approx(12.0, rel=0.05)
    assert moves[front, 2] > moves[:, 2].max() - 0.3
    assert np.abs(moves[z < 0.9 * z.min()]).max() < 0.15
    bow = BaseCurve(bow_mm=5.0, bow=np.array([0.5, -1.0, 1.0, 0.3, 0.4])).moves(heart)
    assert np.abs(bow[np.unique(heart.tagged(*BASE)), 2]).max() == pytest.approx(5.0, rel=0.1)
    narrow = heart.points + BaseCurve(breadth=0.8).moves(heart)
    base, deep = np.unique(heart.tagged(Surface.BASE)), z < -60.0
    ratio = np.ptp(narrow[base], axis=0)[:2] / np.ptp(heart.points[base], axis=0)[:2]
    np.testing.assert_allclose(ratio, 0.8, atol=0.01)
    np.testing.assert_allclose(narrow[deep], heart.points[deep], atol=0.02)


def test_hearts_with_such_bases_are_hearts():
    """Checked by `check_heart` on the way; heights are kept, cavities nearly."""
    heart, rng = mean_heart(), np.random.default_rng(0)
    curve = BaseCurve(14.0, 6.0, np.array([1.0, 0.5, -0.5, 0.2, 0.8]), 0.85)
    deformed = HeartDeformation(1.0, 1.0, 1.0, np.ones(3), 0.0, curve).apply(heart, rng)
    base = deformed.points[np.unique(deformed.tagged(*BASE))]
    assert np.ptp(base[:, 2]) > 12.0
    assert deformed.volumes_ml["lv"] == pytest.approx(heart.volumes_ml["lv"], rel=0.2)


def body(**changes):
    section = AugmentationSettings(max_redraws=0, **changes)
    return build_anatomy(draw_patient(1, CohortSettings(range_sd=1e-6)), AnatomySettings(), section)


def test_an_anatomy_tells_what_was_drawn():
    anatomy = body(base_curve_mm=10.0)
    told = anatomy.augmentation
    assert 0 < told["outflow_mm"] < 10 and 0 < told["base_bow_mm"] < 5
    assert told["heart_edge_mm"] == 4.0 and told["lungs"] is False
    assert 800 < told["whole_torso_mm"]["waist_girth"] < 1000
    assert not set(anatomy.face_tags.tolist()) & set(LUNGS)
