"""The plan of a run: who takes part, how many jobs, which settings decide what, and refusals."""

import inspect
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.cli import get_argument_parser
from snakemake.scheduling.job_scheduler import JobRateLimiter, JobScheduler
from snakemake.settings.types import MaxJobsPerTimespan

from einthoven.app.run.announce import announcement
from einthoven.app.run.jobs import planned_jobs
from einthoven.app.run.methods import SurrogateMethod
from einthoven.app.run.plan import PLACED, REBUILT, Plan
from einthoven.app.run.start import (
    check_atlases,
    drop_default_rate_limit,
    plan_or_exit,
    typed,
    warn_without_metadata,
)
from einthoven.base.config import load, validate
from einthoven.base.config.scenarios import read_scenario
from einthoven.base.core.errors import BadInput

CONFIG = Path(__file__).resolve().parents[4] / "config"
HEADER = "patient,heart,torso,electrodes,unit,axes,tags"


def plan_of(name: str = "ci", **sections) -> Plan:
    """The plan of a config of the project with some keys changed."""
    whole = load(CONFIG / f"{name}.yaml").model_dump(mode="json")
    return Plan.of(validate(whole | {key: whole[key] | its for key, its in sections.items()}))


@pytest.fixture
def sheet(tmp_path):
    for name in ("h.vtp", "t.stl", "e.csv"):
        (tmp_path / name).touch()
    lines = [f"{name},h.vtp,t.stl,e.csv,mm,LPS," for name in ("anna", "bo-2")]
    (tmp_path / "sheet.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    return {"sheet": str(tmp_path / "sheet.csv")}


@pytest.mark.parametrize("name, n_patients, n_test", [("config", 32, 4), ("paper", 110, 10)])
def test_a_config_plans_every_rule(name, n_patients, n_test):
    jobs = planned_jobs(plan_of(name))
    for rule in "cohort anatomy mesh fibers purkinje activation leadfield ecg".split():
        assert jobs[rule] == n_patients
    assert (jobs["encoder"], jobs["surrogate"], jobs["predict"]) == (2, 4, 4 * n_test)
    n_operators = {"config": 1, "paper": 0}[name]
    assert (jobs["operator_train"], jobs["operator_predict"]) == (n_operators, n_operators * n_test)
    assert jobs["consolidate"] == jobs["evaluate"] == jobs["report"] == jobs["population"] == 1


def test_a_patient_is_in_one_split_and_stays_there_when_the_cohort_grows():
    few, many = plan_of(), plan_of(cohort={"n_patients": 40})
    assert list(few.splits.items()) == list(many.splits.items())[:4]
    parts = [set(many.of_split(split)) for split in ("train", "val", "test")]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 40
    assert many.of_split("train", "val") == many.of_split("train") + many.of_split("val")
    assert many.example in parts[2] and many.example in many.shown


def test_further_shapes_are_learnt_from_by_one_encoder_only():
    plan = plan_of("config")
    files = plan.shapes_of(SimpleNamespace(encoder="deepsdf"))
    assert len(files) == 16 and files[-1] == "results/shapes/c15.npz"
    assert plan.shapes_of(SimpleNamespace(encoder="pca")) == []


def test_electrodes_per_job_makes_batches_that_cover_all_electrodes():
    plan = plan_of("paper", leadfield={"electrodes_per_job": 10})
    ends = list(plan.batches.values())
    assert len(ends) == 11 and ends[0][0] == 0 and ends[-1][1] == plan.n_electrodes
    assert all(last == first for (_, last), (first, _) in zip(ends, ends[1:], strict=False))
    assert planned_jobs(plan)["leadfield"] == 110 * 11
    more = plan_of("paper", leadfield={"electrodes_per_job": 10}, electrodes={"n_grid": 200})
    assert list(more.batches.values())[:10] == ends[:10]  # full batches stay as they are
    assert plan_of("paper").batches == {"0": [0, 109]}
    alone = plan_of("paper", leadfield={"electrodes_per_job": 1})
    assert list(alone.batches.values()) == [[k, k + 1] for k in range(109)]
    assert plan.electrodes_of(SimpleNamespace(batch="1")) == [10, 20]


def test_models_are_crossed_with_encoders_but_for_those_that_need_none():
    plan = plan_of("config")
    assert list(map(str, plan.methods)) == [
        "pca-mlp", "pca-refraction", "deepsdf-mlp", "deepsdf-refraction", "operator",
    ]  # fmt: skip
    imported = ["deepsdf-mlp", "deepsdf-refraction", "operator"]
    assert list(map(str, plan.methods_of_imported)) == imported
    alone = plan_of(learning={"encoders": [], "models": ["operator"]})
    assert alone.methods == [SurrogateMethod("operator")] and alone.inverse.prediction == "operator"
    jobs = planned_jobs(alone)
    trained = ("encoder", "shapes", "recipe", "surrogate", "predict", "operator_train")
    assert [jobs[rule] for rule in trained] == [0, 0, 0, 0, 0, 1]
    assert "1 trainings" in announcement(alone, 2, "nowhere")
    assert plan_of("any_body").methods == alone.methods


def test_an_activation_that_came_with_a_heart_is_of_a_scenario_of_the_run(tmp_path):
    tags = "fiber=f time=t scenario=lbbb"
    (tmp_path / "sheet.csv").write_text(f"{HEADER}\nanna,h.vtk,t.stl,e.csv,mm,LPS,{tags}\n")
    for name in ("h.vtk", "t.stl", "e.csv"):
        (tmp_path / name).touch()
    given = {"sheet": str(tmp_path / "sheet.csv")}
    with pytest.raises(BadInput, match="anna: .* scenario lbbb, which ecg.scenarios .sinus. lacks"):
        plan_of(imported=given, ecg={"scenarios": ["sinus"]})
    assert "anna" in plan_of(imported=given, ecg={"scenarios": ["sinus", "lbbb"]}).imported


def test_an_ensemble_has_more_models_with_the_next_seeds():
    plan = plan_of(learning={"ensemble": 3, "models": ["mlp", "refraction", "operator"]},
                   refraction={"seed": 5}, operator={"seed": 7})  # fmt: skip
    jobs = planned_jobs(plan)
    assert jobs["surrogate"] == 2 + 2 * 3 and jobs["uncertainty"] == 2
    assert jobs["operator_train"] == 3 and jobs["operator_uncertainty"] == 1
    operators = [plan.operator_of(SimpleNamespace(member=m)) for m in plan.members("operator")]
    assert [section["seed"] for section in operators] == [7, 8, 9]
    assert plan.networks(SurrogateMethod("operator"))[1:] == [
        f"results/surrogates/operator/member{k}/model.safetensors" for k in (1, 2)
    ]
    assert plan.members("mlp") == [""] and planned_jobs(plan_of())["uncertainty"] == 0
    members = [SimpleNamespace(model="refraction", member=m) for m in plan.members("refraction")]
    sections = [plan.member_of(member) for member in members]
    assert [section["seed"] for section in sections] == [5, 6, 7]
    assert all(section | {"seed": 5} == plan.training("refraction") for section in sections)


def test_a_sheet_adds_its_patients_and_nothing_else(sheet):
    without, with_imported = planned_jobs(plan_of()), planned_jobs(plan_of(imported=sheet))
    added = {rule: n - without[rule] for rule, n in with_imported.items()}
    per_patient = "import_patient imported_code mesh fibers purkinje activation sdf_samples ecg"
    more = ["field_samples", "patient_store", "reconstruct"]
    assert all(added[rule] == 2 for rule in [*per_patient.split(), *more])
    assert added["leadfield"] == 2 * 2
    assert added["predict"] == 2  # with the code that has one for them
    assert added["operator_predict"] == 2
    for rule in ("cohort", "anatomy", "recipe", "encoder", "surrogate", "operator_train",
                 "evaluate", "report"):  # fmt: skip
        assert added[rule] == 0


def test_excluded_patients_are_left_out(sheet):
    plan = plan_of(imported=sheet, dataset={"exclude": ["anna", "p0000"]})
    assert plan.everybody == ["p0001", "p0002", "p0003", "bo-2"]
    assert plan.imported_pattern == "bo-2" and plan_of().imported_pattern == "(?!)"
    assert planned_jobs(plan)["import_patient"] == 1


@pytest.mark.parametrize(
    "sections, message",
    [
        ({"dataset": {"exclude": ["ana", "p12"]}}, "exclude: ana, p12: neither p0000 to p9999"),
        ({"dataset": {"exclude": ["p0002"]}}, "no patient of split test is left"),
        ({"imported": {"sheet": "none.csv"}}, "none.csv: no such sheet"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(sections, message):
    with pytest.raises(BadInput, match=message):
        plan_of(**sections)


def test_a_missing_atlas_is_refused_with_its_cure(tmp_path):
    with pytest.raises(BadInput, match=r"torso_atlas.npz.*tools/build_torso_atlas.py"):
        check_atlases(plan_of(), tmp_path)
    with pytest.raises(BadInput, match="anatomy.heart_atlas: a.npz: no such file"):
        check_atlases(plan_of(anatomy={"heart_atlas": "a.npz"}))
    check_atlases(plan_of())


def test_a_bad_config_ends_the_run_with_one_line(capsys):
    with pytest.raises(SystemExit) as ended:
        plan_or_exit({"cohort": {"n_patients": 0}})
    lines = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2 and len(lines) == 1
    assert lines[0].startswith("einthoven: config: cohort.n_patients")


def test_results_without_their_metadata_are_told(tmp_path, capsys):
    (tmp_path / "results/patients").mkdir(parents=True)
    warn_without_metadata(tmp_path)
    assert "without .snakemake/metadata" in capsys.readouterr().err
    (tmp_path / ".snakemake/metadata").mkdir(parents=True)
    (tmp_path / ".snakemake/metadata/a").touch()
    warn_without_metadata(tmp_path)
    assert not capsys.readouterr().err


def test_values_of_the_command_line_are_yaml():
    given = {"mesh": {"grading": "0.4"}, "ecg": {"scenarios": ["sinus", "1"]}}
    assert typed(given) == {"mesh": {"grading": 0.4}, "ecg": {"scenarios": ["sinus", 1]}}


SPEED = {"activation", "activation_of", "sheet", "physics"}


def parts(plan):
    """Everything that rules take from a plan as parameters."""
    sections = "cohort anatomy mesh fibers purkinje activation leadfield ecg sdf_samples"
    one, own = SimpleNamespace(patient="p0001"), plan.settings
    return {name: plan.section(name) for name in sections.split()} | {
        "purkinje_of": own.purkinje_of(one), "activation_of": own.activation_of(one),
        "repolarisation_of": own.repolarisation_of(one), "sheet": own.physiology_columns,
        "definitions": plan.definitions, "atria_of": own.atria_of(one),
        "placed": plan.part("anatomy", PLACED), "rebuilt": plan.part("anatomy", REBUILT),
        "conductivities": plan.conductivities, "shape_samples": plan.shape_samples,
        "physics": plan.physics, "mlp": plan.training("mlp"), "pca": plan.training("pca"),
        "deepsdf": plan.training("deepsdf"), "refraction": plan.training("refraction"),
        "operator": plan.training("operator"),
    }  # fmt: skip


def test_parameters_are_builtins_and_equal_configs_print_equally():
    shuffled = load(CONFIG / "ci.yaml").model_dump(mode="json")
    shuffled = {key: dict(reversed(shuffled[key].items())) for key in reversed(shuffled)}
    shuffled["mesh"]["heart_edge_mm"] = 4
    found = parts(plan_of())
    assert repr(found) == repr(parts(Plan.of(validate(shuffled))))
    assert json.loads(json.dumps(found)) == found
    assert found["pca"] == {} and found["shape_samples"]["n_points"] != 16384


@pytest.mark.parametrize(
    "section, change, felt",
    [
        ("cohort", {"n_patients": 8}, {"sheet", "physics"}),
        ("leadfield", {"electrodes_per_job": 3}, set()),
        ("leadfield", {"gradient": "raw"}, {"physics"}),
        ("leadfield", {"sigma_torso_s_per_m": 0.07}, {"leadfield", "conductivities", "physics"}),
        ("leadfield", {"solver_tolerance": 1e-9}, {"leadfield", "physics"}),
        ("anatomy", {"sites": "around"}, {"anatomy", "rebuilt", "physics"}),
        ("anatomy", {"torso_resolution": "fine"}, {"anatomy", "placed", "rebuilt", "physics"}),
        ("anatomy", {"lungs": True}, {"anatomy", "physics"}),
        ("deepsdf", {"shape_points": 500}, {"deepsdf", "shape_samples"}),
        ("refraction", {"rank": 3}, {"refraction"}),
        ("operator", {"rank": 3}, {"operator"}),
        ("dataset", {"lead_field": "body"}, set()),
        ("learning", {"ensemble": 2}, set()),
        ("activation", {"capture": False}, {"activation", "activation_of", "physics"}),
        ("activation", {"cv_fiber_mm_per_ms": 0.7}, SPEED),
        ("variation", {"purkinje_speed": 0.15}, {"purkinje_of", "sheet", "physics"}),
        ("variation", {"cv_fiber": 0.15}, {"activation_of", "sheet", "physics"}),
        ("atria", {"size": 1.2, "seed": 5}, set()),
        ("atria", {"enabled": True}, {"atria_of", "sheet", "physics"}),
        ("scenarios", {"defined": {"mine": {"kind": "rhythm"}}}, {"physics"}),
        ("ecg", {"scenarios": ["rbbb"]}, {"definitions", "ecg", "physics"}),
    ],
)
def test_a_key_is_felt_where_it_decides_something_and_nowhere_else(section, change, felt):
    before, after = parts(plan_of()), parts(plan_of(**{section: change}))
    assert {name for name in before if before[name] != after[name]} == felt


def test_scenarios_reach_their_rule_with_their_settings():
    mine = {"kind": "paced", "sites": [{"at": "apex", "surface": "epi"}]}
    sections = {"scenarios": {"defined": {"mine": mine}}, "ecg": {"scenarios": ["mine", "lbbb"]}}
    plan = plan_of(**sections)
    assert plan.scenarios == ["mine", "lbbb"] and list(plan.definitions) == ["lbbb", "mine"]
    assert plan.definitions["lbbb"]["blocks"] == ["left-bundle"]
    for name, settings in plan.definitions.items():
        assert read_scenario(settings) == plan.config.known_scenarios[name]


@pytest.mark.parametrize("asked, kept", [(None, False), ("5/1m", True)])
def test_only_a_limit_of_job_starts_that_was_asked_for_is_kept(asked, kept):
    default = get_argument_parser().get_default("max_jobs_per_timespan")
    limiter = JobRateLimiter(MaxJobsPerTimespan.parse_choice(asked or default))
    scheduler = SimpleNamespace(job_rate_limiter=limiter)
    drop_default_rate_limit(scheduler)
    assert scheduler.job_rate_limiter is (limiter if kept else None)
    assert "job_rate_limiter" in inspect.getsource(JobScheduler.job_selector)


def test_inverse_problems_and_their_fits():
    inverse = {"methods": ["tikhonov-2", "eand-arn"], "noise": [0.01, 0.1], "repeats": 3,
               "fits_per_job": 4, "physics_off": [0.2], "geometry_off_mm": [2.5],
               "scenarios": None}  # fmt: skip
    plan = plan_of(inverse=inverse).inverse
    assert list(plan.problems) == [
        "paper", "paper-physics-20", "sinus", "lbbb",
        "paper-heart-2p5mm", "sinus-heart-2p5mm", "lbbb-heart-2p5mm",
    ]  # fmt: skip
    batches = plan.batches("tikhonov-2")
    assert [len(batch) for batch in batches] == [4, 2] and len(plan.batches("eand-arn")) == 6
    assert sum(batches, []) == sum(plan.batches("eand-arn"), [])
    assert plan.jobs["inverse_fit"] == len(set(plan.fits)) == 7 * (2 + 6)
    moved = plan.problem_of(SimpleNamespace(problem="lbbb-heart-2p5mm"))
    assert (moved["scenario"], moved["heart_mm"]) == ("lbbb", 2.5) and "n_times" not in moved
    assert "physics_off" in plan.problem_of(SimpleNamespace(problem="paper-physics-20"))
    assert plan.activation_of(SimpleNamespace(problem="paper")) == []
    assert plan.activation_of(SimpleNamespace(problem="sinus")) == [
        f"results/patients/{plan.patient}/activation_sinus.npz"
    ]
    assert set(plan.method_of(SimpleNamespace(method="eand-arn"))) == {"seed", "network_steps"}


def test_the_wrong_torso_is_another_patients():
    for plan in (plan_of(), plan_of("config")):
        inverse = plan.inverse
        assert inverse.patients == plan.of_split("test") and inverse.patient == plan.example
        assert all(name != other for name, other in inverse.neighbour.items())
        assert inverse.prediction == "operator"


def test_a_beat_without_activation_is_refused():
    with pytest.raises(BadInput, match=r"inverse\.scenarios: crt must also be in ecg\.scenarios"):
        plan_of(inverse={"scenarios": ["crt"]})
