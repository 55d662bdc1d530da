"""Bodies beyond the shape models: what is drawn, built, drawn again, and recorded."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from einthoven.app.run.plan import Plan
from einthoven.base.config import load, validate
from einthoven.base.config.augmentation import AugmentationSettings
from einthoven.base.config.drawn import drawn_conductivities
from einthoven.base.config.models import AnatomySettings, CohortSettings, LeadFieldSettings
from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.barycentric import attach
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.signed_distance import surface_distance
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.deformation import (
    DRAWN_BACK,
    SITE_MARGIN_MM,
    VOLUME_RANGE_ML,
    Deformation,
    TorsoDeformation,
    check_torso,
    cut_torso,
    moved_sites,
)
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.anatomy.population.girths import torso_measures
from einthoven.body.anatomy.shape.atlas_heart import heart_surfaces
from einthoven.body.anatomy.shape.deformed_heart import HeartDeformation
from einthoven.body.anatomy.shape.heart_check import VOLUME_RANGES_ML, check_heart
from einthoven.body.anatomy.shape.torso import torso_surface

CONFIG = load(Path(__file__).resolve().parents[4] / "config/any_body.yaml")
WIDE = CONFIG.augmentation
CUT_BELOW, DRAWN_AGAIN = 3, 2
"""Patients of that config: a torso that ends above the hips; two attempts that failed."""
PLAIN = HeartDeformation(1.0, 1.0, 1.0, np.ones(3), 0.0)


@cache
def built(index):
    return build_anatomy(draw_patient(index, CONFIG.cohort), CONFIG.anatomy, WIDE)


@cache
def mean_heart():
    return heart_surfaces(np.zeros(10), 4.0)


def rng():
    return np.random.default_rng(0)


def volume(surfaces, name="torso"):
    return enclosed_volume(surfaces.points, surfaces.union(name))


def test_by_default_nothing_changes(tmp_path):
    patient = draw_patient(0, CohortSettings())
    usual = build_anatomy(patient, AnatomySettings())
    usual.save(tmp_path / "usual.npz")
    build_anatomy(patient, AnatomySettings(), AugmentationSettings(seed=7)).save(
        tmp_path / "same.npz"
    )
    assert (tmp_path / "usual.npz").read_bytes() == (tmp_path / "same.npz").read_bytes()
    assert "augmentation" not in usual.attrs()


@pytest.mark.slow
def test_one_seed_gives_the_same_bytes_and_another_does_not(tmp_path):
    patient = draw_patient(CUT_BELOW, CONFIG.cohort)
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        wide = WIDE.model_copy(update={"seed": seed})
        build_anatomy(patient, CONFIG.anatomy, wide).save(tmp_path / f"{name}.npz")
    one, again, other = ((tmp_path / f"{n}.npz").read_bytes() for n in ("one", "again", "other"))
    assert one == again != other


@pytest.mark.parametrize("index", [CUT_BELOW, pytest.param(DRAWN_AGAIN, marks=pytest.mark.slow)])
def test_bodies_are_bodies(index):
    """Closed, simple, heart inside, volumes in range, electrodes on the skin."""
    anatomy = built(index)
    surfaces, turn, origin = anatomy.surfaces, anatomy.heart_rotation, anatomy.heart_origin
    in_heart = surfaces.face_tags != Surface.SKIN
    heart = replace(surfaces.only(in_heart), points=(surfaces.points - origin) @ turn)
    check_heart(heart, flat_base=False)
    skin = Surfaces(*surfaces.closed("torso"), surfaces.face_tags[~in_heart])
    check_torso(skin)
    places = anatomy.points[np.unique(heart.faces)]
    assert surface_distance(skin.points, skin.faces, places).max() < -2.0
    for name, (low, high) in VOLUME_RANGES_ML.items():
        assert low <= anatomy.volumes_ml[name] <= high
    assert VOLUME_RANGE_ML[0] <= volume(surfaces) / 1000 <= VOLUME_RANGE_ML[1]
    sites = np.vstack([anatomy.site_points, anatomy.ground_point])
    assert np.abs(surface_distance(skin.points, skin.faces, sites)).max() < 1e-6


@pytest.mark.slow
def test_a_body_that_fails_is_drawn_again():
    """Attempt by attempt nearer to the mean; the anatomy tells how often, and what was built."""
    patient = draw_patient(DRAWN_AGAIN, CONFIG.cohort)
    n = built(DRAWN_AGAIN).augmentation["n_redraws"]
    assert n == 2
    scores = np.array([*patient.heart_coeffs, *patient.torso_coeffs, *patient.pose_coeffs[:3]])
    np.testing.assert_allclose(built(DRAWN_AGAIN).latent_pca, DRAWN_BACK**n * scores)
    fewer = WIDE.model_copy(update={"max_redraws": n - 1})
    with pytest.raises(StepFailed, match=r"p0002.*none of 2 attempts.*max_redraws"):
        build_anatomy(patient, CONFIG.anatomy, fewer)
    assert Deformation.draw("p0002", 1, WIDE).heart.lv_wall != built(2).augmentation["lv_wall"]


def thickness(heart, *, of, to):
    places = heart.points[np.unique(heart.tagged(of))]
    return TriangleTree(heart.points, heart.tagged(*to)).closest(places).distance


@pytest.mark.parametrize("factor", [0.7, 1.4])
def test_walls_get_the_thickness_asked_for(factor):
    """And the epicardium stays; of the RV only its free wall changes."""
    heart, outside = mean_heart(), (Surface.EPI, Surface.RV_ENDO)
    lv = replace(PLAIN, lv_wall=factor).apply(heart, rng())
    ratio = thickness(lv, of=Surface.LV_ENDO, to=outside) / thickness(
        heart, of=Surface.LV_ENDO, to=outside
    )
    assert np.median(ratio) == pytest.approx(factor, rel=0.03)
    assert volume(lv, "epi") == pytest.approx(volume(heart, "epi"), rel=1e-4)
    assert (volume(lv, "lv") < volume(heart, "lv")) == (factor > 1)
    assert volume(lv, "rv") == pytest.approx(volume(heart, "rv"), rel=1e-4)
    rv = replace(PLAIN, rv_wall=factor).apply(heart, rng())
    before, after = (thickness(h, of=Surface.RV_ENDO, to=[Surface.EPI]) for h in (heart, rv))
    to_lv = thickness(heart, of=Surface.RV_ENDO, to=[Surface.LV_ENDO])
    free = to_lv > 4 * before
    assert np.median(after[free] / before[free]) == pytest.approx(factor, rel=0.05)
    assert volume(rv, "lv") == pytest.approx(volume(heart, "lv"), rel=1e-4)


def test_scales_and_the_breadth_of_the_rv():
    heart, scale = mean_heart(), np.array([1.1, 0.9, 1.05])
    scaled = replace(PLAIN, scale=scale).apply(heart, rng())
    for name in ("lv", "rv", "epi"):
        assert volume(scaled, name) == pytest.approx(scale.prod() * volume(heart, name))
    broad = replace(PLAIN, rv_breadth=1.4).apply(heart, rng())
    assert volume(broad, "rv") > 1.25 * volume(heart, "rv")
    assert volume(broad, "lv") == pytest.approx(volume(heart, "lv"), rel=0.06)


def test_a_warp_has_the_size_asked_for():
    whole = torso_surface([])
    warped = TorsoDeformation(np.ones(3), 12.0, None, None).apply(whole, rng())
    moved = np.linalg.norm(warped.points - whole.points, axis=1)
    assert np.sqrt((moved**2).mean()) == pytest.approx(12.0)
    assert list(warped.landmarks) == list(whole.landmarks)
    places = np.array(list(warped.landmarks.values()))
    assert np.abs(surface_distance(warped.points, warped.faces, places)).max() < 3.0


def test_cuts_leave_what_lies_between():
    """The volume of a clip by another program, and electrodes that keep their order of heights."""
    import pyvista as pv

    whole, low, high = torso_surface([]), -150.0, 200.0
    cut = cut_torso(whole, low, high)
    assert cut.points[:, 2].min() >= low - 1e-6 and cut.points[:, 2].max() <= high + 1e-6
    solid = pv.PolyData.from_regular_faces(whole.points, whole.faces)
    for z, sign in ((high, -1), (low, 1)):
        solid = solid.clip_closed_surface(normal=(0, 0, sign), origin=(0, 0, z))
    assert volume(cut) == pytest.approx(solid.volume, rel=0.01)
    sites = np.array([whole.landmarks[k] for k in ("ILIAC_L", "NAVEL", "NIPPLE_L", "ICS4",
                                                   "SHOULDER_L", "CLAVICLE_L")])  # fmt: skip
    anchors = sites[2, 2], sites[3, 2]
    moved = moved_sites(sites, anchors, (low, high), cut)
    assert (np.diff(moved[:, 2]) > 0).all()
    assert moved[0, 2] > low + 0.5 * SITE_MARGIN_MM and moved[-1, 2] < high - 0.5 * SITE_MARGIN_MM
    np.testing.assert_allclose(moved[2:4], attach(cut.points, cut.faces, sites[2:4]).on(cut.points))


@pytest.mark.slow
def test_the_family_holds_thin_and_stout_people():
    """Waists; ANSUR's means and SDs give 0.62 m at a BMI of 16 and 1.42 m at 45."""
    waists = [torso_measures(first_torso(index))["waist_girth"] for index in range(60)]
    assert min(waists) < 600 and max(waists) > 1400


def first_torso(index):
    patient = draw_patient(index, CONFIG.cohort)
    for attempt in range(WIDE.max_redraws):
        change = Deformation.draw(patient.patient, attempt, WIDE)
        coeffs = change.parameters(patient).torso_coeffs
        try:
            return change.torso.apply(torso_surface(coeffs), change.rng("torso"))
        except StepFailed:
            pass
    raise AssertionError("no torso")


def test_conductivities_are_drawn_per_patient_and_kept_in_range():
    section = LeadFieldSettings()
    drawn = [drawn_conductivities(section, WIDE, f"p{k:04d}") for k in range(20)]
    assert drawn[3] == drawn_conductivities(section, WIDE, "p0003") != drawn[4]
    for name, (low, high) in WIDE.conductivities.items():
        values = [one.conductivities[name] for one in drawn]
        assert low <= min(values) < np.sqrt(low * high) < max(values) <= high
    without = drawn_conductivities(section, WIDE, "p0000", lungs=False)
    assert without.sigma_lung_s_per_m == section.sigma_lung_s_per_m
    assert drawn_conductivities(section, AugmentationSettings(), "p0000") == section


def test_what_the_rules_are_told():
    plan = Plan.of(CONFIG)
    one, other = (SimpleNamespace(patient=name) for name in ("p0000", "p0001"))
    assert plan.settings.conductivities_of(one) != plan.settings.conductivities_of(other)
    assert plan.settings.conductivities_of(one).items() <= plan.settings.leadfield_of(one).items()
    assert plan.physics["augmentation"]["lv_wall"] == WIDE.lv_wall
    usual = Plan.of(validate({}))
    assert usual.settings.leadfield_of(one) == usual.section("leadfield")
    assert usual.settings.conductivities_of(one) == usual.conductivities
    assert "augmentation" not in usual.physics


@pytest.mark.parametrize(
    "section, match",
    [
        ({"lv_wall": [1.5, 0.6]}, r"lv_wall.*\[low, high\]"),
        ({"sigma_blood_s_per_m": [0.2, 6.0]}, r"augmentation.sigma_blood_s_per_m.*0.01 to 1.5"),
        ({"cut_share": 2.0}, "cut_share"),
    ],
)
def test_wrong_ranges_are_refused(section, match):
    with pytest.raises(BadInput, match=match):
        validate({"augmentation": section})
