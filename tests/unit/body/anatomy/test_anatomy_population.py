"""Covariates of the shape models, and the shape models against measured people."""

import sys
from pathlib import Path

import numpy as np
import pytest

from einthoven.app.report.cohort import population_section
from einthoven.base.config.models import CohortSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import save_arrays
from einthoven.body.anatomy.population import cohort, comparison
from einthoven.body.anatomy.population.reference import (
    BMI,
    HEART,
    SEXES,
    TORSO,
    BodySize,
    CovariateRegression,
    load_regression,
)
from einthoven.data.patient.parameters import PatientParameters

sys.path.insert(0, str(Path(__file__).parents[4] / "tools"))
from atlas_fit import regression as fitted  # noqa: E402

SECTION = dict(seed=1, n_patients=24, block_size=12, val_per_block=1, test_per_block=1,
               n_heart_modes=10, n_torso_modes=10, range_sd=1.0)  # fmt: skip


def draw(index, **changes):
    return cohort.draw_patient(index, CohortSettings(**SECTION | changes))


def test_a_planted_regression_is_found():
    rng = np.random.default_rng(0)
    weights, root = rng.normal(size=(4, 3)), np.diag([0.3, 1.0, 0.6])
    bodies = [BodySize.from_sds(SEXES[i % 2], *rng.normal(size=2)) for i in range(4000)]
    design = np.array([body.covariates() for body in bodies])
    coeffs = design @ weights + rng.normal(size=(4000, 3)) @ root
    regression = fitted(coeffs, bodies)
    np.testing.assert_allclose(regression.weights, weights, atol=0.08)
    np.testing.assert_allclose(regression.residual, root, atol=0.05)
    man = BodySize.from_sds("male", 1.0, -2.0)
    np.testing.assert_allclose(
        regression.coeffs(man, np.zeros(3)), [1, 0, 1, -2] @ regression.weights, atol=1e-9
    )
    with pytest.raises(BadInput, match="too few"):
        fitted(coeffs[:5], bodies[:5])


def test_bodies_that_nobody_has_are_refused():
    regression = CovariateRegression(np.zeros((4, 2)), np.eye(2))
    regression.coeffs(BodySize.from_sds("female", 2.9, -2.9), np.zeros(2))
    for body in (BodySize("female", 190.0, 25.0), BodySize("male", 176.0, np.nan)):
        with pytest.raises(BadInput, match="3 SD"):
            regression.coeffs(body, np.zeros(2))
    with pytest.raises(BadInput, match="woman"):
        BodySize("woman", 165.0, 24.0).covariates()


def test_an_atlas_without_regression_is_named(tmp_path):
    path = tmp_path / "atlas.npz"
    save_arrays(path, {"mean": np.zeros((3, 3))})
    with pytest.raises(BadInput, match="cohort.sex: any"):
        load_regression(path)


def test_without_covariates_the_hypercube_is_as_it_was():
    for index in range(3):
        patient = draw(index)
        assert patient.sex is patient.height_cm is patient.bmi is None
        free = draw(index, sex="female")
        assert free.pose_coeffs == patient.pose_coeffs
        assert free.heart_coeffs != patient.heart_coeffs


def test_covariates_are_kept_and_fill_their_ranges():
    women = [draw(i, sex="female", height_cm=[160.0, 172.0]) for i in range(24)]
    heights = np.array([w.height_cm for w in women])
    assert {w.sex for w in women} == {"female"}
    for block in (heights[:12], heights[12:]):  # one in each twelfth of the range
        np.testing.assert_array_equal(np.sort(np.floor((block - 160) / 12 * 12)), np.arange(12))
    bmis = np.array([w.bmi for w in women])
    assert np.abs(bmis - BMI.of("female")[0]).max() <= BMI.of("female")[1]
    both = [draw(i, sex="both") for i in range(12)]
    assert [p.sex for p in both].count("male") == 6
    assert draw(7, sex="both", n_patients=200) == draw(7, sex="both")


def test_fewer_modes_with_a_covariate():
    few = draw(3, sex="male", n_heart_modes=2, n_torso_modes=1)
    full = draw(3, sex="male")
    assert few.heart_coeffs == full.heart_coeffs[:2] + [0.0] * 8
    assert few.torso_coeffs == full.torso_coeffs[:1] + [0.0] * 9


@pytest.fixture(scope="module")
def mean_people():
    """Measures of the mean person of each sex, and of large and small ones."""
    regression = [load_regression(path) for path in (cohort.HEART_ATLAS, cohort.TORSO_ATLAS)]
    people = {}
    for sex in SEXES:
        for name, sds in {"mean": (0, 0), "tall": (1.5, 0), "stout": (0, 1.5)}.items():
            body = BodySize.from_sds(sex, *sds)
            heart, torso = (its.coeffs(body, np.zeros(10)) for its in regression)
            people[sex, name] = comparison.measures_of(
                PatientParameters("p", "train", None, *vars(body).values(), heart, torso)
            )
    return people


@pytest.mark.parametrize("sex", SEXES)
def test_the_mean_person_is_within_half_an_sd_of_the_population(mean_people, sex):
    for name, reference in (TORSO | HEART).items():
        mean, sd = reference.of(sex)
        distance = abs(mean_people[sex, "mean"][name] - mean) / sd
        assert distance < 0.5 or not reference.comparable, f"{name}: {distance:.2f} SD"


@pytest.mark.parametrize("sex", SEXES)
def test_large_people_have_large_hearts_and_torsos(mean_people, sex):
    mean, tall, stout = (mean_people[sex, name] for name in ("mean", "tall", "stout"))
    for name in ("lv_volume", "rv_volume", "lv_mass"):
        assert 1.03 < tall[name] / mean[name] < 1.2
        assert 1.03 < stout[name] / mean[name] < 1.25
    assert stout["waist_girth"] > mean["waist_girth"] + 30
    assert stout["chest_girth"] > mean["chest_girth"] + 30


def test_comparison_of_made_up_people_and_its_page():
    people = [{name: ref.male[0] + d for name, ref in comparison.QUANTITIES.items()}
              for d in (0.0, 2.0)]  # fmt: skip
    rows = comparison.compare({"male": people, "female": people})
    assert rows["lv_volume"]["male"]["ours"] == [167.0, pytest.approx(np.sqrt(2))]
    assert rows["lv_volume"]["male"]["difference_sd"] == pytest.approx(1 / 32)
    assert rows["lv_volume"]["female"]["difference_sd"] == pytest.approx((167 - 124) / 21)
    section = population_section({"n_draws": 2, "quantities": rows})
    table = section.content[0]
    assert len(table.rows) == len(comparison.QUANTITIES)
    assert {len(row) for row in table.rows} == {len(table.header)}
    starred = [row[0] for row in table.rows if row[0].endswith("*")]
    assert starred == ["chest breadth (mm) *"] and "skin to skin" in section.text


@pytest.mark.slow
def test_sampled_people_are_within_half_an_sd_of_the_population():
    found = comparison.compare_with_population(60)
    for name, row in found["quantities"].items():
        for sex in SEXES:
            if row["comparable"]:
                assert abs(row[sex]["difference_sd"]) < 0.5, (name, sex)
