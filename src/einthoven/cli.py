"""The command `einthoven`: check what was made, check and complete configs, print the schema."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from einthoven import __version__
from einthoven.core.errors import BadInput, EinthovenError
from einthoven.prediction.encode import add_arguments as add_encode_arguments
from einthoven.prediction.encode import encode
from einthoven.run.check import check


def config(arguments: argparse.Namespace) -> None:
    """Check a config file; with --full print it with all defaults and comments."""
    from einthoven.config import Config, load
    from einthoven.config.render import render

    if arguments.file is None:
        print(render(Config(), "The default: laptop size."), end="")
        return
    checked = load(arguments.file)
    if arguments.full:
        first = Path(arguments.file).read_text().partition("\n")[0]
        title = first.lstrip("# ") if first.startswith("#") else Path(arguments.file).stem
        print(render(checked, title), end="")
    else:
        print(f"{arguments.file}: ok, {checked.cohort.n_patients} patients")


def export(arguments: argparse.Namespace) -> None:
    """Write a patient's stages as VTK or openCARP files."""
    from einthoven.publish.carp import write_carp_files
    from einthoven.publish.stages import Stages
    from einthoven.publish.vtk import write_vtk

    write = {"vtk": write_vtk, "carp": write_carp_files}[arguments.format]
    for file in write(Stages.load(arguments.patient), Path(arguments.to)):
        print(file)


def export_model(arguments: argparse.Namespace) -> None:
    """Write a trained surrogate with its decoder as one TorchScript file."""
    from einthoven.prediction.pretrained import Pretrained
    from einthoven.prediction.torchscript import export_folder, export_torchscript

    if arguments.surrogate:
        export_folder(arguments.surrogate, arguments.to, arguments.encoder)
    else:
        model = Pretrained.load()
        about = {"model": model.card["model"], "config": model.card["config"]}
        export_torchscript(arguments.to, model.encoder, model.surrogate.networks, about)
    print(arguments.to)


def import_own(arguments: argparse.Namespace) -> None:
    """Check and mend own patients of a sheet; say what was done, write what a run would use."""
    from einthoven.config import load
    from einthoven.core.files import save_arrays
    from einthoven.imported.anatomy import import_patient
    from einthoven.imported.sheet import read_sheet

    anatomy = load(arguments.config).anatomy
    failed = []
    for row in read_sheet(arguments.sheet):
        if arguments.patients and row.patient not in arguments.patients:
            continue
        target = Path(arguments.to) / row.patient
        try:
            arrays, attrs = import_patient(row, target.with_suffix(".png"), anatomy.heart_edge_mm,
                                           anatomy.torso_resolution, anatomy.sites)  # fmt: skip
        except BadInput as error:
            failed.append(str(error))
            continue
        save_arrays(target / "anatomy.npz", arrays, **attrs)
        volumes = ", ".join(f"{name} {value:.0f}" for name, value in attrs["volumes_ml"].items())
        print(f"{row.patient}: ok, {volumes} ml; {target / 'anatomy.npz'}")
        for line in attrs["repairs"]:
            print(f"  {line}")
    if failed:
        raise BadInput("\n".join(failed))


def costs(arguments: argparse.Namespace) -> None:
    """Costs of a run by rule, resources to ask for, and the costs of a larger run."""
    from einthoven.core.files import write_json
    from einthoven.run.costs.page import costs_report

    text, data = costs_report(arguments.results, arguments.config, arguments.patients)
    print(text)
    if arguments.json:
        write_json(arguments.json, data)


def fetch(arguments: argparse.Namespace) -> None:
    """Make an atlas file of a published atlas, downloaded or yours; without NAME list them."""
    from einthoven.atlases.fetch import fetch as make
    from einthoven.atlases.fetch import table
    from einthoven.core.log import log_to

    if arguments.name is None:
        print(table())
        return
    log_to(None)
    source = Path(arguments.source) if arguments.source else None
    path = make(arguments.name, source, Path(arguments.to), arguments.phase, arguments.modes)
    print(f"{path}: written; set anatomy.heart_atlas or anatomy.torso_atlas to it")


def predict(arguments: argparse.Namespace) -> None:
    """Lead fields, ECG and a verdict for one patient by a trained model, without solving."""
    from einthoven.prediction.apply import draw_prediction, predict_body
    from einthoven.prediction.body import read_body
    from einthoven.prediction.pretrained import SHIPPED, Pretrained

    model, to = Pretrained.load(arguments.model or SHIPPED), Path(arguments.to)
    electrodes = Path(arguments.electrodes) if arguments.electrodes else None
    body = read_body(Path(arguments.source), arguments.patient, to, model.config,
                     electrodes=electrodes, n_grid=arguments.grid)  # fmt: skip
    verdict = predict_body(model, body, to, arguments.threads, arguments.fast)
    draw_prediction(body, to)
    for key, value in verdict.values.items():
        print(f"  {key:18s} {value:6.2f}  limit {verdict.limits[key]:6.2f}")
    told = "like the training patients" if verdict.familiar else "UNLIKE the training patients"
    scenarios = ", ".join(body.activation) or "none: no activation_*.npz beside the anatomy"
    print(f"{body.name}: {told}; {len(body.electrodes)} electrodes, ECG of {scenarios}; {to}")


def progress(arguments: argparse.Namespace) -> None:
    """Show what a run has done, what runs, what failed, and how long the rest may take."""
    from einthoven.run.monitor.follow import show

    show(arguments.results, arguments.follow)


def verify(arguments: argparse.Namespace) -> None:
    """Check on one patient the theorems that a lead field obeys: reciprocity, symmetry."""
    from einthoven.analysis.patient import Patient
    from einthoven.analysis.reciprocity import verify as findings
    from einthoven.config import load

    patient = Patient.load(arguments.store)
    broken = []
    for found in findings(patient, load(arguments.config).leadfield.model_dump()):
        line = f"{found.theorem}: off by {found.deviation:.1e}, limit {found.limit:.0e}"
        print(f"{'holds ' if found.holds else 'BROKEN'}  {line}", flush=True)
        broken += [] if found.holds else [f"{arguments.store}: {line}"]
    if broken:
        cure = "made with another config (see --config)? otherwise run its leadfield rule again"
        raise BadInput("\n".join([*broken, cure]))


def sensitivity(arguments: argparse.Namespace) -> None:
    """How much a patient's ECG moves with electrodes, conductivities and fibre angles."""
    import numpy as np
    from tabulate import tabulate

    from einthoven.analysis.patient import Patient
    from einthoven.analysis.sensitivity import Chain
    from einthoven.config import load
    from einthoven.core.names import PRECORDIAL_ELECTRODES

    config = load(arguments.config)
    ecg = config.ecg
    time = ecg.start_ms + np.arange(0, ecg.duration_ms, ecg.dt_ms)
    chain = Chain(Patient.load(arguments.store), config.leadfield.model_dump(),
                  config.fibers.model_dump(), arguments.scenario, time)  # fmt: skip
    names = arguments.electrodes or list(PRECORDIAL_ELECTRODES)
    rows = [*chain.of_electrodes(names, arguments.shift_mm), *chain.of_conductivities(1.1),
            *chain.of_fibers(10.0)]  # fmt: skip
    headers = ["change", "lead that moves most", "its change (rel.)", "its peak (mV)", "all leads"]
    print(tabulate([vars(row).values() for row in rows], headers, floatfmt=".3f"))


def schema(_arguments: argparse.Namespace) -> None:
    """Print the JSON schema of a config file."""
    from einthoven.config.render import schema as json_schema

    print(json_schema(), end="")


def build_parser() -> argparse.ArgumentParser:
    """The command line; every sub-command has --help."""
    parser = argparse.ArgumentParser(prog="einthoven", description=__doc__)
    parser.add_argument("--version", action="version", version=f"einthoven {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(function, name: str) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name, help=function.__doc__.lower().rstrip("."), description=function.__doc__
        )
        command.set_defaults(function=function)
        return command

    command = add(check, "check")
    command.add_argument("path", metavar="STORE|FOLDER", help="a .zarr.zip file, or results/")
    command.add_argument("--sweep", action="store_true", help="delete what killed jobs left")
    command = add(config, "config")
    command.add_argument("file", metavar="FILE", nargs="?", help="default: the built-in defaults")
    command.add_argument("--full", action="store_true", help="print the completed config")
    command = add(costs, "costs")
    command.add_argument("results", metavar="RESULTS", nargs="?", default="results")
    command.add_argument("--config", metavar="FILE", help="config of a larger run")
    command.add_argument("--patients", metavar="N", type=int, help="patients of a larger run")
    command.add_argument("--json", metavar="OUT", help="write the numbers to this file, too")
    add_encode_arguments(add(encode, "encode"))
    command = add(export, "export")
    command.add_argument("patient", metavar="FOLDER|STORE", help="results/patients/p0000")
    command.add_argument("--to", metavar="FOLDER", required=True)
    command.add_argument("--format", choices=["vtk", "carp"], default="vtk",
                         help="default: %(default)s")  # fmt: skip
    command = add(export_model, "export-model")
    command.add_argument("surrogate", metavar="FOLDER", nargs="?",
                         help="results/surrogates/deepsdf-MODEL; default: the shipped")  # fmt: skip
    command.add_argument("--to", metavar="FILE", required=True)
    command.add_argument("--encoder", metavar="FOLDER", help="default: of the same run")
    command.add_argument("--format", choices=["torchscript"], default="torchscript",
                         help="default: %(default)s")  # fmt: skip
    command = add(import_own, "import")
    command.add_argument("sheet", metavar="SHEET", help="CSV, see docs/own-patients.md")
    command.add_argument("patients", metavar="PATIENT", nargs="*", help="default: all of the sheet")
    command.add_argument("--to", metavar="FOLDER", default="imported", help="default: %(default)s")
    command.add_argument("--config", metavar="FILE", default="config/config.yaml",
                         help="for the edge lengths; default: %(default)s")  # fmt: skip
    command = add(fetch, "fetch")
    command.add_argument("name", metavar="NAME", nargs="?", help="of the atlas; default: list them")
    command.add_argument("--from", dest="source", metavar="FOLDER|FILE", help="files you have")
    command.add_argument("--to", metavar="FOLDER", default="atlases", help="default: %(default)s")
    command.add_argument("--phase", choices=["ED", "ES"], default="ED", help="default: %(default)s")
    command.add_argument("--modes", metavar="N", type=int, default=20, help="default: %(default)s")
    command = add(predict, "predict")
    command.add_argument("source", metavar="FOLDER|SHEET", help="stage files (at least anatomy.npz)"
                         ", or a sheet as of `import`; mesh and fibres are made if they are missing"
                         " (fibres need a finite-element solver: fem.laplace)")  # fmt: skip
    command.add_argument("patient", metavar="PATIENT", nargs="?", help="which one of a sheet")
    command.add_argument("--to", metavar="FOLDER", default="predicted",
                         help="default: %(default)s")  # fmt: skip
    command.add_argument("--electrodes", metavar="CSV",
                         help="name,x,y,z in mm, patient frame; default: the nine of the ECG and "
                         "the patient's grid")  # fmt: skip
    command.add_argument("--grid", metavar="N", type=int, default=100,
                         help="so many electrodes of the grid; default: %(default)s")  # fmt: skip
    command.add_argument("--model", metavar="FOLDER", help="default: the model that is shipped")
    command.add_argument("--threads", metavar="N", type=int, default=1)
    command.add_argument("--fast", action="store_true", help="layers in bfloat16: less than 0.1 "
                         "degree off; half the time on processors that multiply it")  # fmt: skip
    command = add(progress, "progress")
    command.add_argument("results", metavar="RESULTS", nargs="?", default="results")
    command.add_argument("--follow", action="store_true", help="again every two seconds")
    add(schema, "schema")
    for function, name in ((verify, "verify"), (sensitivity, "sensitivity")):
        command = add(function, name)
        command.add_argument(
            "store", metavar="STORE", help="results/dataset/patients/p0000.zarr.zip"
        )
        command.add_argument("--config", metavar="FILE", default="config/config.yaml",
                             help="of the run that made it; default: %(default)s")  # fmt: skip
    command.add_argument("--electrodes", metavar="NAME", nargs="+", help="default: V1 to V6")
    command.add_argument("--shift-mm", metavar="MM", type=float, default=10.0)
    command.add_argument("--scenario", default="sinus")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, or 2 after one line on bad input."""
    arguments = build_parser().parse_args(argv)
    try:
        arguments.function(arguments)
    except EinthovenError as error:
        print(f"einthoven: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `einthoven schema | head`
        sys.stderr.close()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
