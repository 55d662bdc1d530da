import os
import sys
from pathlib import Path
import einthoven
import yaml
from snakemake.utils import update_config
from einthoven.anatomy.population.cohort import block_splits
from einthoven.imported.sheet import VIRTUAL, read_sheet
from einthoven.config import as_params, validate
from einthoven.core.errors import BadInput
from einthoven.core.names import (
    SHAPES_PER_CHUNK,
    STANDARD_ELECTRODES,
    chunk_name,
    patient_name,
)
from einthoven.leadfield.gather import batches
from einthoven.run.fingerprints import fingerprint


def typed(value):
    """The values of --config, which Snakemake leaves as text inside a section, read as YAML."""
    if isinstance(value, dict):
        return {key: typed(its) for key, its in value.items()}
    if isinstance(value, list):
        return [typed(its) for its in value]
    return yaml.safe_load(value) if isinstance(value, str) else value


update_config(config, typed(dict(workflow.config_settings.config)))

# Trainings are tracked in one local file; set the variable to '' for none.
os.environ.setdefault("MLFLOW_TRACKING_URI", "sqlite:///results/mlflow.db")

# The checked config with all defaults, as builtins with sorted keys: Snakemake compares params
# by their text, so a section must always be written in the same way.
try:
    full_config = as_params(validate(config))
    sheet = full_config["imported"]["sheet"]
    IMPORTED = {row.patient: row for row in (read_sheet(sheet) if sheet else [])}
except BadInput as error:
    print(f"einthoven: {error}", file=sys.stderr)
    sys.exit(2)
config.clear()
config.update(full_config)

for atlas in ("torso", "heart"):
    path = (
        Path(einthoven.__file__).parent
        / "anatomy"
        / "shape"
        / "data"
        / f"{atlas}_atlas.npz"
    )
    if not path.is_file():
        cure = f"restore it with git, or run python tools/build_{atlas}_atlas.py"
        print(
            f"einthoven: {path}: the {atlas} atlas is missing; {cure}", file=sys.stderr
        )
        sys.exit(2)

ATLASES = {
    key: path
    for key in ("heart_atlas", "torso_atlas")
    if (path := config["anatomy"][key])
}
for key, path in ATLASES.items():
    if not Path(path).is_file():
        print(
            f"einthoven: config: anatomy.{key}: {path}: no such file; `einthoven fetch` makes it",
            file=sys.stderr,
        )
        sys.exit(2)

if workflow.is_main_process and Path("results/patients").is_dir():
    if not any(Path(".snakemake/metadata").glob("*")):
        print(
            "einthoven: results/ came without .snakemake/metadata, so edits of the config made "
            "before now go unnoticed; copy that folder too, or run with --forceall",
            file=sys.stderr,
        )

# A patient's parameters do not depend on the size of the cohort, so growing it moves nobody.
DRAW = {k: v for k, v in config["cohort"].items() if k != "n_patients"}
BLOCK = block_splits(
    *(DRAW[k] for k in ["block_size", "val_per_block", "test_per_block"])
)
SPLITS = {
    patient_name(index): BLOCK[index % len(BLOCK)]
    for index in range(config["cohort"]["n_patients"])
    if patient_name(index) not in config["dataset"]["exclude"]
}
if lost := {"train", "val", "test"} - set(SPLITS.values()):
    print(
        f"einthoven: config: cohort.n_patients: no patient of split {', '.join(sorted(lost))} is "
        "left; more patients, or smaller blocks?",
        file=sys.stderr,
    )
    sys.exit(2)
PATIENTS = list(SPLITS)
if nobody := [
    name
    for name in config["dataset"]["exclude"]
    if name not in IMPORTED and not VIRTUAL.fullmatch(name)
]:
    print(
        f"einthoven: config: dataset.exclude: {', '.join(nobody)}: neither p0000 to p9999 nor a "
        "patient of imported.sheet",
        file=sys.stderr,
    )
    sys.exit(2)
# Patients of the user: in stores, tables of their own, and no training.
IMPORTED = {
    name: row
    for name, row in IMPORTED.items()
    if name not in config["dataset"]["exclude"]
}
IMPORTED_ANATOMY = {
    k: config["anatomy"][k] for k in ("heart_edge_mm", "torso_resolution", "sites")
}
SCENARIOS = config["ecg"]["scenarios"]
ENCODERS = config["learning"]["encoders"]
MODELS = config["learning"]["models"]
ENSEMBLE = {"mlp": 1, "refraction": config["learning"]["ensemble"]}
CODED = [name for name in ENCODERS if name != "pca"]  # have codes for any shape

# Anatomies for the encoder alone; of a section only what they depend on.
PLACED = {
    key: config["anatomy"][key]
    for key in ("heart_edge_mm", "torso_resolution", "heart_atlas", "torso_atlas")
}
SHAPE_SAMPLES = config["sdf_samples"] | {"n_points": config["deepsdf"]["shape_points"]}
CHUNKS = [
    chunk_name(k) for k in range(config["deepsdf"]["n_shapes"] // SHAPES_PER_CHUNK)
]

# How electrodes are dealt to jobs says nothing about the field of any one of them.
LEADFIELD = dict(config["leadfield"])
PER_JOB = LEADFIELD.pop("electrodes_per_job")
GRADIENT = LEADFIELD.pop("gradient")  # taken of stored potentials, after the solution
N_ELECTRODES = len(STANDARD_ELECTRODES) + config["electrodes"]["n_grid"]
N_REFINED = len(STANDARD_ELECTRODES) + config["electrodes"]["n_refined"]
BATCHES = {str(k): list(its) for k, its in enumerate(batches(N_ELECTRODES, PER_JOB))}
SIGMA = {k: v for k, v in LEADFIELD.items() if k.startswith("sigma_")}

# What the data set says of its making.
PHYSICS_SECTIONS = (
    "cohort anatomy electrodes mesh fibers purkinje activation ecg".split()
)
SAMPLE_SECTIONS = ["sdf_samples", "field_samples"]
PHYSICS = {name: config[name] for name in PHYSICS_SECTIONS + SAMPLE_SECTIONS}
PHYSICS["leadfield"] = LEADFIELD | {"gradient": GRADIENT}

PATIENT = "results/patients/{patient}"


wildcard_constraints:
    patient="|".join(["p[0-9]{4}", *IMPORTED]),
    imported="|".join(IMPORTED) or "(?!)",
    scenario="[a-z]+",
    batch="[0-9]+",
    chunk="c[0-9]+",
    kind="encoders|surrogates",
    name="[a-z]+(-[a-z]+)?",
    encoder="[a-z]+",
    model="[a-z]+",
    member="(member[1-9][0-9]*/)?",


def patients_of(split):
    """Names of the patients of one split."""
    return [patient for patient, its in SPLITS.items() if its == split]


def shapes_of(encoder):
    """Files of the shapes that an encoder learns from beside the patients."""
    return [f"results/shapes/{chunk}.npz" for chunk in CHUNKS if encoder == "deepsdf"]


def samples_of(wildcards):
    """What a training learns from: surfaces of all patients and of shapes, or fields of some."""
    if wildcards.kind == "encoders":
        patients, stages = PATIENTS, ["anatomy", "sdf"]
    else:
        patients = patients_of("train") + patients_of("val")
        stages = ["anatomy", "field"]
    samples = expand(f"{PATIENT}/{{stage}}.npz", patient=patients, stage=stages)
    return samples + shapes_of(wildcards.name)


def imported_code_of(wildcards):
    """The file with the code of a patient who is no part of the cohort."""
    if wildcards.patient not in IMPORTED:
        return []
    return [f"results/encoders/{wildcards.encoder}/codes/{wildcards.patient}.npz"]


def section_of_member(wildcards):
    """A model's settings; further members of an ensemble have the next seeds."""
    number = int(wildcards.member.strip("member/") or 0)
    section = config[wildcards.model]
    return section | {"seed": section["seed"] + number}


def members_of(wildcards):
    """The networks of a surrogate: one, or the members of an ensemble."""
    members = ["", *(f"member{k}/" for k in range(1, ENSEMBLE[wildcards.model]))]
    folder = f"results/surrogates/{wildcards.encoder}-{wildcards.model}"
    return [f"{folder}/{member}model.safetensors" for member in members]


def uncertainty_of(wildcards):
    """The calibration of an ensemble's SD; one network has none."""
    if ENSEMBLE[wildcards.model] == 1:
        return []
    return [
        f"results/surrogates/{wildcards.encoder}-{wildcards.model}/uncertainty.json"
    ]


def source(script):
    """Fingerprint of a script and of the library modules it imports."""
    return fingerprint(f"{workflow.basedir}/workflow/scripts/{script}.py")


def growing(amount):
    """A resource that is multiplied by the attempt, for profiles with retries."""

    def resource(wildcards, attempt):
        return amount * attempt

    return resource
