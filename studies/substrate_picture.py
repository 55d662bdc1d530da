"""Picture of a scar or of ischaemia: the heart from four sides, and the ECG beside the healthy one.

    python studies/substrate_picture.py config/people.yaml results/patients p0000 OUT.png \
        --kind ischaemia --artery RCA --severity severe --border-mm 10

The patient is one of a finished run, and the config that of the run. Upper row: the core red, the
border zone orange. Lower row: sinus beats in twelve leads. `--json` keeps the labels.
"""

import argparse
from pathlib import Path
from types import SimpleNamespace

from einthoven.app.run.plan import Plan
from einthoven.base.config import load
from einthoven.base.config.electrophysiology import ActivationSettings
from einthoven.base.config.substrate import SubstrateSettings, TerritorySettings
from einthoven.base.core.files import write_json
from einthoven.base.plots.style import write_figures
from einthoven.base.plots.substrate import substrate_figure
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg
from einthoven.physics.electrophysiology.scenarios import activate
from einthoven.physics.electrophysiology.substrate.make import make_substrate


def main() -> None:
    """Draw one patient."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("config", type=Path)
    add("patients", type=Path)
    add("patient")
    add("out", type=Path)
    add("--kind", choices=("scar", "ischaemia"), default="scar")
    add("--artery", choices=("LAD", "LCX", "RCA"), default="LAD")
    add("--severity", choices=("mild", "moderate", "severe"), default="severe")
    add("--border-mm", type=float, default=4.0)
    add("--json", type=Path)
    args = parser.parse_args()
    plan, who = Plan.of(load(args.config)), SimpleNamespace(patient=args.patient)
    own = plan.settings
    leadfield = own.conductivities_of(who) | {"gradient": plan.config.leadfield.gradient}
    sections = own.repolarisation_of(who), own.atria_of(who), own.traits_of(who)
    simulation = SimulationSettings.of_params(plan.section("ecg"), leadfield, *sections)
    activation = ActivationSettings.model_validate(own.activation_of(who))
    section = SubstrateSettings(
        kind=args.kind, regions=[TerritorySettings(artery=args.artery)],
        severity=args.severity, border_mm=args.border_mm,
    )  # fmt: skip
    healthy = Patient.open(args.patients / args.patient)
    sick = healthy.with_stages(make_substrate(healthy, section))
    ecgs = {}
    for name, patient in (("healthy", healthy), (args.kind, sick)):
        beat = activate(patient, "sinus", activation)
        ecg = simulate_ecg(patient, patient.lead_fields, beat, simulation)
        ecgs[name] = ecg.ecg[0]
    heart, tissue = sick.heart, sick.substrate.tissue
    figure = substrate_figure(heart.points, heart.cells, tissue, ecg.time, ecgs)
    write_figures({args.out.name: figure}, args.out.parent)
    if args.json:
        write_json(args.json, sick.substrate.columns)


if __name__ == "__main__":
    main()
