"""Speeds and durations from patient to patient: ranges, independence, sheet, store, refusals."""

import csv
import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.dataset import write_patient_store, write_stages
from helpers.heart import activated_patient
from scipy.stats import kstest

from einthoven.app.run.plan import Plan
from einthoven.base.config import validate
from einthoven.base.config.electrophysiology import TEMPLATE_APD_MS, VariationSettings
from einthoven.base.config.models import Config
from einthoven.base.config.physiology import COLUMNS, VARIED, Physiology, check_ranges
from einthoven.base.config.section import builtins_of
from einthoven.base.core.errors import BadInput
from einthoven.body.imported.sheet import read_sheet
from einthoven.data.dataset.consolidate import consolidate
from einthoven.data.dataset.store import open_store, values_of
from einthoven.data.patient.parameters import PatientParameters
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.sheet import BODY, write_cohort_sheet
from einthoven.physics.electrophysiology.cells.family import family
from einthoven.physics.electrophysiology.scenarios import activate

WIDTHS = {v.name: 0.1 if v.relative else 5.0 for v in VARIED} | {"purkinje_speed": 0.3}
SITE_WIDTHS = {"site_z": 0.05, "site_phi_deg": 8.0, "site_time_ms": 3.0}
LAYERS = {"cv_lv_endocardium_mm_per_ms": 0.9, "cv_rv_endocardium_mm_per_ms": 1.2}
ALIKE = {"field": "homogeneous"}
DURATIONS = {"field": "gradients", "mean_ms": 290.0, "apex_to_base_ms": 11.0}


def config(widths=WIDTHS, repolarisation=DURATIONS, **sections) -> Config:
    own = {"variation": widths, "repolarisation": repolarisation, "activation": LAYERS}
    return validate(own | sections)


def drawn(names, **changes) -> np.ndarray:
    """[patient, column] values of `COLUMNS`."""
    settings = config(**changes)
    found = [Physiology.of(settings, name).columns for name in names]
    return np.array([[one[column] for column in COLUMNS] for one in found])


def usual(column: str) -> float:
    return Physiology.of(config({}), "p0000").columns[column]


NAMES = [f"p{k:04d}" for k in range(2000)]


@pytest.fixture(scope="module")
def many() -> np.ndarray:
    return drawn(NAMES)


@pytest.mark.parametrize("k", range(len(VARIED)), ids=COLUMNS)
def test_draws_are_uniform_in_their_range(many, k):
    middle, width = usual(COLUMNS[k]), WIDTHS[VARIED[k].name]
    half = width * middle if VARIED[k].relative else width
    unit = (many[:, k] - middle) / half
    assert np.abs(unit).max() <= 1 + 1e-12
    assert kstest(unit, "uniform", args=(-1, 2)).pvalue > 0.01


def test_draws_of_two_settings_and_of_neighbours_are_independent(many):
    pairs = [(many[:, i], many[:, j]) for i, j in itertools.combinations(range(many.shape[1]), 2)]
    pairs += [(column[1:], column[:-1]) for column in many.T]
    found = [np.corrcoef(*pair)[0, 1] for pair in pairs]
    assert np.abs(found).max() < 4 / np.sqrt(len(NAMES))


def test_a_patient_depends_on_nobody_else(many):
    some = [1700, 3, 42]
    assert np.array_equal(drawn([NAMES[k] for k in some]), many[some])
    few, more = (
        Plan.of(config(cohort={"n_patients": n})).settings.physiology_columns for n in (32, 50)
    )
    assert more.keys() > few.keys() and all(more[name] == its for name, its in few.items())


@pytest.mark.parametrize("off", range(len(VARIED)), ids=COLUMNS)
def test_one_that_is_off_leaves_the_others(many, off):
    now = drawn(NAMES[:20], widths=WIDTHS | {VARIED[off].name: 0.0})
    others = np.arange(len(VARIED)) != off
    assert np.array_equal(now[:, others], many[:20][:, others])
    assert set(now[:, off]) == {usual(COLUMNS[off])}


def test_half_widths_scale_and_seeds_draw_anew(many):
    half = drawn(NAMES[:50], widths={key: width / 2 for key, width in WIDTHS.items()})
    middle = np.array([usual(column) for column in COLUMNS])
    assert np.allclose(half - middle, (many[:50] - middle) / 2, atol=1e-12)
    assert not np.any(drawn(NAMES[:50], widths=WIDTHS | {"seed": 2}) == many[:50])


def test_without_widths_rules_get_the_sections_to_the_letter():
    """Snakemake compares parameters by their text."""
    for repolarisation in ({}, DURATIONS):
        plan = Plan.of(config({}, repolarisation))
        job = SimpleNamespace(patient="p0007")
        for name in ("purkinje", "activation", "repolarisation"):
            assert repr(getattr(plan.settings, f"{name}_of")(job)) == repr(plan.section(name))
    widths = VariationSettings().model_dump(exclude={"seed", "people", "people_draws", "beats"})
    assert widths.keys() == WIDTHS.keys() | SITE_WIDTHS.keys()
    assert not any(widths.values())


def test_an_edit_reaches_the_rules_that_it_changes_something_for():
    """All that the rules purkinje, activation, ecg, predict and cohort_sheet get of it."""
    job = SimpleNamespace(patient="p0007")

    def felt(widths, repolarisation=DURATIONS) -> list[str]:
        plan = Plan.of(config(widths, repolarisation))
        names = ("purkinje_of", "activation_of", "repolarisation_of")
        return [repr(getattr(plan.settings, name)(job)) for name in names] + [
            repr(plan.settings.physiology_columns)
        ]

    def changed(before, after):
        return [a != b for a, b in zip(before, after, strict=True)]

    assert changed(felt({}), felt({"seed": 2})) == [False] * 4
    assert changed(felt({"cv_fiber": 0.1}), felt({"cv_fiber": 0.1, "seed": 2})) == [
        False, True, False, True]  # fmt: skip
    assert changed(felt({}), felt({"purkinje_speed": 0.1})) == [True, False, False, True]
    assert changed(felt({}), felt({"apd_rv_to_lv_ms": 5.0})) == [False, False, True, True]
    # a homogeneous heart reads no durations
    assert changed(felt({}, ALIKE), felt({"apd_rv_to_lv_ms": 5.0}, ALIKE)) == [False] * 4


def test_every_half_width_moves_what_it_names_and_nothing_else():
    before = Physiology.of(config({}), "p0000")
    for varied in VARIED:
        after = Physiology.of(config({varied.name: WIDTHS[varied.name]}), "p0000")
        moved = {
            (name, key)
            for name in ("purkinje", "activation", "repolarisation")
            for key, value in getattr(after, name)
            if value != getattr(getattr(before, name), key)
        }
        assert moved == {(varied.section, varied.key)}


def test_a_homogeneous_heart_has_the_duration_of_its_template():
    members = family()
    assert members.apd90[members.template] == pytest.approx(TEMPLATE_APD_MS, abs=1e-3)
    settings = config(repolarisation=ALIKE | {"mean_ms": 250.0, "rv_to_lv_ms": 5.0})
    heart = Physiology.of(settings, "p0000")
    assert heart.repolarisation == settings.repolarisation
    durations = [heart.columns[v.column] for v in VARIED if v.section == "repolarisation"]
    assert durations == [TEMPLATE_APD_MS, 0, 0, 0, 0]


SITES = [
    {"fascicle": "septal", "z": 0.5, "phi_deg": 0.0, "time_ms": 10.0},
    {"fascicle": "posterior", "z": 0.6, "phi_deg": -178.0, "time_ms": 5.0},
    {"fascicle": "right", "z": 0.3, "phi_deg": 178.0, "time_ms": 15.0},
]
LOW = [site | {"z": site["z"] - 0.2} for site in SITES]
LATE = [site | {"time_ms": site["time_ms"] + 30.0} for site in SITES]


@pytest.fixture(scope="module")
def early_sites() -> np.ndarray:
    """[patient, site, key] z, phi_deg, time_ms."""
    settings = config(SITE_WIDTHS, purkinje={"early_sites": SITES})
    found = [Physiology.of(settings, name).purkinje.early_sites for name in NAMES]
    return np.array([[[s.z, s.phi_deg, s.time_ms] for s in sites] for sites in found])


@pytest.mark.parametrize("key", range(3), ids=SITE_WIDTHS)
def test_early_sites_are_uniform_about_theirs_and_angles_go_round(early_sites, key):
    middle = np.array([[s["z"], s["phi_deg"], s["time_ms"]] for s in SITES])
    unit = early_sites[..., key] - middle[:, key]
    unit = (unit + 180) % 360 - 180 if key == 1 else unit
    unit /= list(SITE_WIDTHS.values())[key]
    assert np.abs(unit).max() <= 1 + 1e-9
    for of_site in unit.T:
        assert kstest(of_site, "uniform", args=(-1, 2)).pvalue > 0.01
    assert np.abs(np.corrcoef(unit.T) - np.eye(3)).max() < 4 / np.sqrt(len(NAMES))
    assert np.abs(early_sites[..., 1]).max() <= 180
    assert (early_sites[:, 1, 1] > 0).any()  # beyond the lateral wall


def test_a_further_site_and_other_keys_leave_the_sites(early_sites):
    one = config({"site_phi_deg": 8.0}, purkinje={"early_sites": [*SITES, SITES[1]]})
    for name, before in zip(NAMES[:30], early_sites):
        now = Physiology.of(one, name).purkinje.early_sites
        assert [s.phi_deg for s in now[:3]] == before[:, 1].tolist()
        assert [(s.z, s.time_ms) for s in now[:3]] == [(s["z"], s["time_ms"]) for s in SITES]


def test_sites_that_would_be_early_make_all_later_by_as_much():
    at_zero = [site | {"time_ms": site["time_ms"] - 5.0} for site in SITES]
    late, now = (config({"site_time_ms": 3.0}, purkinje={"early_sites": s})
                 for s in (SITES, at_zero))  # fmt: skip
    for name in NAMES[:30]:
        times = [
            np.array([s.time_ms for s in Physiology.of(c, name).purkinje.early_sites])
            for c in (late, now)
        ]
        assert np.ptp(times[0] - times[1]) < 1e-12 and times[1].min() >= 0


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"widths": {"apd_mean_ms": 95.0}}, "variation.apd_mean_ms: mean_ms: .* equal to 200"),
        ({"widths": {"cv_fiber": 0.5}, "activation": {"cv_fiber_mm_per_ms": 2.5}},
         "variation.cv_fiber: cv_fiber_mm_per_ms: 3.75 is outside 0.05 to 3"),
        ({"widths": {"site_z": 0.3}, "purkinje": {"early_sites": LOW}},
         "variation.site_z: purkinje.early_sites: early_sites.2.z: .* equal to 0 "),
        ({"widths": {"site_time_ms": 20.0}, "purkinje": {"early_sites": LATE}},
         "variation.site_time_ms: purkinje.early_sites: time_ms: .* equal to 60"),
        ({"widths": {"purkinje_speed": 0.5}, "purkinje": {"speed_mm_per_ms": 0.9}},
         "variation.purkinje_speed: speed_mm_per_ms: "),
    ],
)  # fmt: skip
def test_a_range_that_leaves_its_sections_is_refused_before_the_run(changes, message):
    with pytest.raises(BadInput, match=message):
        check_ranges(config(**changes))
    with pytest.raises(BadInput, match=message):
        Plan.of(config(**changes))


HEADER = "patient,heart,torso,electrodes,unit,axes,tags"


def sheet_of(tmp_path, *lines: str, more: str = "") -> dict[str, str]:
    (tmp_path / "sheet.csv").write_text("\n".join([HEADER + more, *lines]) + "\n")
    return {"sheet": str(tmp_path / "sheet.csv")}


def test_imported_patients_vary_unless_their_sheet_gives_a_value(tmp_path):
    sheet = sheet_of(tmp_path, "anna,h,t,e,mm,LPS,,0.5,260", "bo,h,t,e,mm,LPS,,,",
                     more=",cv_fiber_mm_per_ms,apd_mean_ms")  # fmt: skip
    plan = Plan.of(config(imported=sheet))
    anna, bo = (plan.settings.physiology_columns[name] for name in ("anna", "bo"))
    assert (anna["cv_fiber_mm_per_ms"], anna["apd_mean_ms"]) == (0.5, 260.0)
    drawn_anna = Physiology.of(plan.config, "anna").columns
    assert [anna[c] == drawn_anna[c] for c in anna].count(False) == 2
    assert bo == Physiology.of(plan.config, "bo").columns
    # surfaces do not depend on them
    job = SimpleNamespace(imported="anna")
    without = Plan.of(config(imported=sheet_of(tmp_path, "anna,h,t,e,mm,LPS,")))
    assert plan.row_of(job) == without.row_of(job)


@pytest.mark.parametrize(
    "value, changes, message",
    [
        ("fast", {}, "line 2: cv_fiber_mm_per_ms: 'fast' is not a number"),
        ("60", {}, "anna: cv_fiber_mm_per_ms: 60 is outside 0.05 to 3"),
    ],
)
def test_bad_values_of_a_sheet_are_refused(tmp_path, value, changes, message):
    sheet = sheet_of(tmp_path, f"anna,h,t,e,mm,LPS,,{value}", more=",cv_fiber_mm_per_ms")
    with pytest.raises(BadInput, match=message):
        _ = Plan.of(config(imported=sheet)).settings.physiology_columns


def test_a_given_duration_needs_gradients(tmp_path):
    sheet = sheet_of(tmp_path, "anna,h,t,e,mm,LPS,,260", more=",apd_mean_ms")
    assert read_sheet(sheet["sheet"])[0].physiology == {"apd_mean_ms": 260.0}
    with pytest.raises(BadInput, match="anna: apd_mean_ms needs repolarisation.field: gradients"):
        _ = Plan.of(config(imported=sheet, repolarisation=ALIKE)).settings.physiology_columns


def test_stages_keep_what_they_were_made_with(tmp_path):
    mine = Physiology.of(config(), activated_patient().name)
    stage = activate(activated_patient(), "sinus", mine.activation)
    stage.save(tmp_path / "activation_sinus.npz")
    read = type(stage).load(tmp_path / "activation_sinus.npz")
    assert read.settings == builtins_of(mine.activation)


def test_sheet_and_data_set_tell_what_was_used(tmp_path):
    settings, stores, people = config(WIDTHS | SITE_WIDTHS), [], []
    for index in range(3):
        files = write_stages(tmp_path / str(index), index, settings=settings)
        stores.append(tmp_path / f"p{index:04d}.zarr.zip")
        write_patient_store(stores[-1], **files)
        people.append(PatientParameters.load(files["cohort"]))
        whole = Patient.open(stores[-1])
        mine = Physiology.of(settings, whole.name)
        assert whole.purkinje.settings == builtins_of(mine.purkinje)
        assert whole.activation("lbbb").settings == builtins_of(mine.activation)
        assert whole.ecg.settings == builtins_of(mine.repolarisation)
    plan = Plan.of(settings)
    write_cohort_sheet(tmp_path / "cohort.csv", people, plan.settings.physiology_columns)
    with (tmp_path / "cohort.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = list(plan.settings.physiology("p0000").columns)
    assert list(rows[0]) == [*BODY, *columns]
    assert [row["sex"] for row in rows] == ["female", "male", ""]
    assert columns[: len(COLUMNS)] == list(COLUMNS) and columns[-1] == "site4_time_ms"
    told = [[float(row[column]) for column in columns] for row in rows]
    consolidate(tmp_path / "all.zarr.zip", stores, {})
    with open_store(tmp_path / "all.zarr.zip") as root:
        assert values_of(root, "physiology/setting").tolist() == columns
        assert values_of(root, "physiology/value").tolist() == told


def test_stages_without_settings_are_refused(tmp_path):
    files = write_stages(tmp_path, 0, settings=None)
    with pytest.raises(BadInput, match="no settings of activation, .*re-run activation, purk"):
        write_patient_store(tmp_path / "p0000.zarr.zip", **files)
