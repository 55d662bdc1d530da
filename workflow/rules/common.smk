import json
import os
from pathlib import Path
from snakemake.utils import update_config
from einthoven.inverse.problem.registry import module_of
from einthoven.app.run.announce import expected_seconds
from einthoven.app.run.fingerprints import fingerprint
from einthoven.app.run.forks import fork_scripts
from einthoven.app.run.methods import SurrogateMethod
from einthoven.app.run.monitor.forecast import foresee
from einthoven.app.run.plan import PLACED, REBUILT
from einthoven.app.run.reproduction import Reproduction
from einthoven.app.run.start import drop_default_rate_limit, plan_or_exit
from einthoven.app.run.start import typed, warn_without_metadata

update_config(config, typed(dict(workflow.config_settings.config)))
PLAN = plan_or_exit(config)
WORKFLOW = Path(workflow.current_basedir).parent
PATIENT = "results/patients/{patient}"
# Trainings are tracked in one local file; set the variable to '' for none.
os.environ.setdefault("MLFLOW_TRACKING_URI", "sqlite:///results/mlflow.db")
if workflow.is_main_process:
    warn_without_metadata(Path())


wildcard_constraints:
    patient=PLAN.patient_pattern,
    imported=PLAN.imported_pattern,
    batch="[0-9]+",
    chunk="c[0-9]+",
    encoder="[a-z]+",
    model="[a-z]+",
    member="(member[1-9][0-9]*/)?",
    problem="[a-z0-9-]+",
    method="[a-z0-9-]+",
    paper="[a-z]+-[0-9]+",
    repeat="[0-9]+",


def source(script, *modules):
    """Fingerprint of a script, of the library modules it imports, and of some by name."""
    return fingerprint(f"{WORKFLOW}/scripts/{script}.py", *modules)


def source_of_fit(wildcards):
    """Fingerprint of a fit: an edit of one method reaches no other."""
    return source("inverse_fit", module_of(wildcards.method, "inverse.methods"))


def source_of_zhu(wildcards):
    """Fingerprint of the networks of Zhu 2025, whose study is a file of its own."""
    return source(
        "reproduction_zhu", "einthoven.inverse.baselines.networks.network_methods"
    )


def publication_sources():
    """Name in the published folder -> file of the workflow that made the data."""
    folder = Path(str(WORKFLOW))
    made_by = [folder / "Snakefile", *sorted(folder.glob("rules/*.smk"))]
    return {f"provenance/workflow/{p.relative_to(folder)}": str(p) for p in made_by}


def growing(amount):
    """A resource that is multiplied by the attempt, for profiles with retries."""

    def resource(wildcards, attempt):
        return amount * attempt

    return resource


def command():
    """What is typed for the target `reproduction` with this config."""
    settings = workflow.config_settings
    files = [os.path.relpath(path) for path in settings.configfiles]
    words = ["snakemake reproduction", *(f"--configfile {file}" for file in files[:1])]
    changes = [f"'{key}={json.dumps(value)}'" for key, value in settings.config.items()]
    return " ".join([*words, *files[1:], *(["--config", *changes] if changes else [])])
