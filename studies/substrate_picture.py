"""Picture of a scar or of ischaemia: the heart from four sides, and the ECG beside the healthy one.

    python studies/substrate_picture.py config/people.yaml results/patients p0000 OUT.png \
        --kind ischaemia --artery RCA --severity severe --border-mm 10

The patient is one of a finished run, and the config that of the run. Upper row: the core red, the
border zone orange. Lower row: sinus beats in twelve leads. `--json` keeps the labels.
"""

import argparse
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyvista as pv
from matplotlib.figure import Figure

from einthoven.app.run.plan import Plan
from einthoven.base.config import load
from einthoven.base.config.electrophysiology import ActivationSettings
from einthoven.base.config.substrate import SubstrateSettings, TerritorySettings
from einthoven.base.core.files import write_json
from einthoven.base.core.names import LEADS
from einthoven.base.plots.scene import new_plotter, render, tetrahedra
from einthoven.base.plots.style import new_figure, write_figures
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.substrate import BORDER, CORE
from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg
from einthoven.physics.electrophysiology.scenarios import activate
from einthoven.physics.electrophysiology.substrate.make import make_substrate

VIEWS = {"front": (0.0, -1.0, 0.1), "left": (1.0, 0.0, 0.1), "back": (0.0, 1.0, 0.1),
         "below": (0.1, -0.2, -1.0)}  # fmt: skip
COLOURS = {0: ("#E3C9B8", 0.35), BORDER: ("#F2A541", 1.0), CORE: ("#A4161A", 1.0)}


def heart_image(patient: Patient, view: tuple[float, float, float]) -> np.ndarray:
    """The tissues of the heart from one side."""
    heart, plotter = patient.heart, new_plotter(520, 460)
    for tissue, (colour, opacity) in COLOURS.items():
        cells = heart.cells[patient.substrate.tissue == tissue]
        if len(cells):
            skin = tetrahedra(heart.points, cells).extract_surface(algorithm="dataset_surface")
            assert isinstance(skin, pv.PolyData)
            plotter.add_mesh(skin, color=colour, opacity=opacity, smooth_shading=False)
    return render(plotter, view, 1.3)


def picture(patient: Patient, ecgs: dict[str, np.ndarray], time: np.ndarray) -> Figure:
    """The heart from all sides above the leads."""
    figure = new_figure(11.0, 8.6)
    upper, lower = np.ravel(figure.subfigures(2, 1, height_ratios=[1.0, 2.1]))
    for axes, (name, view) in zip(upper.subplots(1, len(VIEWS)), VIEWS.items()):
        axes.imshow(heart_image(patient, view))
        axes.set_title(f"from the {name}" if name != "below" else "from below")
        axes.set_axis_off()
    for axes, lead in zip(lower.subplots(3, 4, sharex=True).T.ravel(), LEADS):
        row = LEADS.index(lead)
        axes.axhline(0.0, color="#F2B8B5", lw=0.8)
        for (name, ecg), colour in zip(ecgs.items(), ("#9A9A9A", "#A4161A")):
            axes.plot(time, ecg[row], color=colour, lw=1.2, label=name)
        axes.set_title(lead, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    lower.supxlabel("time from the first activation, ms")
    lower.supylabel("mV")
    return figure


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
    write_figures({args.out.name: picture(sick, ecgs, ecg.time)}, args.out.parent)
    if args.json:
        write_json(args.json, sick.substrate.columns)


if __name__ == "__main__":
    main()
