r"""Reconstruct the potentials on a heart from recorded body-surface potentials (inverse ECG).

Surfaces are .pts with .fac (faces from 1), .mat, .vtp, .vtk, .vtu, .stl, .ply or .obj, the heart
inside the torso. A .mat may hold several geometries and signals (such as those of EDGAR): name
them by --geometry and --signal. Electrodes are .channels (lines `node channel`), .leadlinks (`lead
node`), .pts (`x y z`, one per row of the recording) or .csv (`name,node` or `name,x,y,z`; nodes
count from 1); without a file each node of the torso is one. Potentials are .mat (a struct with
potvals), .csv (a column per channel), .npy [channel, time] or .npz (potentials, time, channels,
unit). Bad leads, baseline, reference and the order of the electrodes are checked first, and the
findings are printed.

The forward model is a homogeneous torso by boundary elements, for which open surfaces (cage, sock)
are capped; or a filed matrix (--transfer), for which they stay as they are.

FOLDER gets potentials.npz (its attribute `layout` has the dimension and unit of each array),
activation.csv, maps.png, activation.png, traces.png, and index.html with all. Potentials are
relative to their mean over the heart. Times count from the start of the beat. An SD of activation
times from left-out electrodes holds noise, not the errors of geometry and method;
docs/explanation/inverse-methods.md says when to believe what.

    einthoven inverse --heart heart.vtp --torso torso.vtp --electrodes electrodes.csv \
        --potentials potentials.csv --to found
    einthoven inverse --heart run.mat --torso run.mat --geometry heart=cage torso=tank \
        --potentials run.mat --signal body=ts_tank heart=ts_cage --transfer matrix.mat --to found
"""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

from einthoven.app.cli.options import natural, number, positive

DEFAULT_METHOD = "average"
"""Never far from the best blind method, and it says how certain it is
(docs/studies/2026-11-25-default-inverse.md)."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `einthoven inverse`."""
    add, shown = command.add_argument, "default: %(default)s"
    add("--heart", metavar="FILE", required=True, help="surface around the heart")
    add("--torso", metavar="FILE", required=True, help="surface of the body, or of its leads")
    add("--electrodes", metavar="FILE",
        help="places of the channels on the torso; default: each of its nodes is one")  # fmt: skip
    add("--potentials", metavar="FILE", required=True, help="recorded potentials")
    add("--geometry", metavar="PART=NAME", nargs="+", default=[],
        type=partial(_named, ("heart", "torso")),
        help="structs of the .mat of heart and torso: heart=NAME torso=NAME")  # fmt: skip
    add("--signal", metavar="PART=NAME", nargs="+", default=[],
        type=partial(_named, ("body", "heart")),
        help="structs or arrays of the file of potentials: body=NAME, and heart=NAME of potentials "
        "recorded at the nodes of the heart")  # fmt: skip
    add("--heart-potentials", metavar="FILE",
        help="potentials recorded at the nodes of the heart, for comparison; default with "
        "--signal heart=NAME: the file of --potentials")  # fmt: skip
    add("--transfer", metavar="FILE",
        help="transfer matrix [electrode or torso node, heart node]: .mat, .npz, .npy, .csv; "
        "default: boundary elements")  # fmt: skip
    add("--matrix", metavar="NAME", default="", help="matrix in the file of --transfer")
    add("--open", choices=["auto", "cap", "keep"], default="auto", dest="opened",
        help="open surfaces: cap them, or keep them with a --transfer (auto: whichever fits); "
        f"{shown}")  # fmt: skip
    add(
        "--method",
        metavar="NAME",
        default=DEFAULT_METHOD,
        help=f"name of an inverse method; {shown}",
    )
    add("--criterion", metavar="NAME", default="", help="criterion for the weight of a method "
        "that has one: l-curve, creso, gcv, robust-gcv, evidence; default: its own")  # fmt: skip
    add("--to", metavar="FOLDER", type=Path, default=Path("inverse"), help=shown)
    add("--unit", default="mm", help=f"unit of surfaces and places: mm, cm, m, um; {shown}")
    add("--potential-unit", default="", help="mV, uV or V; default: the file's, or by size")
    add("--rate-hz", metavar="HZ", type=positive, help="samples per second, if no file states it")
    add("--rows", metavar="FIRST-LAST", type=_range, help="rows of the electrodes, from 1")
    add("--window", metavar=("START", "END"), type=number, nargs=2,
        help="ms of the recording; default: its first complete beat")  # fmt: skip
    add("--baseline", default="auto", metavar="auto|none|START-END", type=_baseline,
        help=f"isoelectric segment, ms, whose level is subtracted; {shown}")  # fmt: skip
    add("--bad-leads", default="drop", choices=["drop", "interpolate", "keep"], help=shown)
    add("--heart-channels", metavar="FILE",
        help=".channels of electrodes on the heart in the recording, for comparison")  # fmt: skip
    add("--sd-groups", metavar="N", type=natural, default=8,
        help=f"regions left out in turn for a single method's SD of times; {shown}")  # fmt: skip
    add("--axes", default="LPS", help="where x, y and z point, for the pictures: letters of "
        f"L R P A S I; {shown}")  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Check the input, solve, write all files and print one line of numbers."""
    from einthoven.app.report.reconstruction import write_reconstruction
    from einthoven.app.report.reconstruction_figures import figures_of
    from einthoven.base.plots.style import write_figures
    from einthoven.body.imported.frame import to_patient_frame
    from einthoven.inverse.measured.reconstruction import Choice, reconstruct_case

    to_patient = to_patient_frame(arguments.axes)
    case = _case(arguments)
    for note in case.notes:
        print(f"  {note}")
    choice = Choice(arguments.method, arguments.criterion)
    result = reconstruct_case(case, choice, n_groups=arguments.sd_groups)
    for note in result.estimate.diagnostics.notes:
        print(f"  {note}")
    result.save(arguments.to / "potentials.npz")
    result.save_times(arguments.to / "activation.csv")
    figures = figures_of(result, to_patient)
    write_figures(figures, arguments.to)
    write_reconstruction(arguments.to / "index.html", result, figures)
    print(result.summary)
    if (comparison := result.comparison) is not None:
        print(comparison)
    print(f"{arguments.to}: index.html, potentials.npz, activation.csv, {', '.join(figures)}")


def _case(arguments: argparse.Namespace):  # noqa: ANN202
    """Measured case of the files on the command line."""
    import numpy as np

    from einthoven.inverse.measured.case import Preparation, prepare
    from einthoven.inverse.measured.electrodes import (
        at_all_nodes,
        in_rows,
        read_channel_nodes,
        read_electrodes,
    )
    from einthoven.inverse.measured.surface_files import read_closed_surface
    from einthoven.inverse.measured.tables import Stated, read_recording

    signals, geometries = _names(arguments.signal), _names(arguments.geometry)
    stated = Stated(arguments.potential_unit, arguments.rate_hz, signals.get("body", ""))
    recording = read_recording(arguments.potentials, stated)
    opened = {"auto": "keep" if arguments.transfer else "cap"}.get(
        arguments.opened, arguments.opened
    )
    heart, torso = (
        read_closed_surface(file, part, arguments.unit, opened, geometries.get(part, ""))
        for part, file in (("heart", arguments.heart), ("torso", arguments.torso))
    )
    if arguments.electrodes:
        read = read_electrodes(arguments.electrodes, torso, arguments.unit)
        electrodes = in_rows(read, recording, arguments.rows)
    else:
        electrodes = at_all_nodes(torso, recording, arguments.rows)
    on_heart = None
    if arguments.heart_channels:
        on_heart = read_channel_nodes(arguments.heart_channels, len(heart.points))
    window = tuple(arguments.window) if arguments.window else None
    how = Preparation(arguments.bad_leads, arguments.baseline, window)
    case = prepare(heart, torso, electrodes, recording, how, on_heart)
    file, name = arguments.heart_potentials, signals.get("heart", "")
    if file or name:
        stated = replace(stated, entry=name, rate_hz=recording.rate_hz)  # sampled together
        other = read_recording(file or arguments.potentials, stated)
        case = case.with_heart(other, np.arange(heart.n_of_file))
    if not arguments.transfer:
        _raise_if_open(heart, torso)
        return case
    return _with_transfer(case, arguments, (heart, torso), electrodes)


def _with_transfer(case, arguments, surfaces, electrodes):  # noqa: ANN001, ANN202
    """The case with the filed matrix, which is compared with the geometry where that can be."""
    from einthoven.base.core.errors import BadInput
    from einthoven.inverse.measured.reconstruction import matrix_of_geometry
    from einthoven.inverse.measured.transfer_file import read_transfer

    heart, torso = surfaces
    rows = len(electrodes), len(torso.points)
    filed = read_transfer(arguments.transfer, rows, len(heart.points), arguments.matrix)
    try:
        computed = matrix_of_geometry(heart, torso)
    except BadInput:  # a hole without a simple cap; the note says that nothing was compared
        computed = None
    return case.with_transfer(filed, electrodes, computed)


def _raise_if_open(*surfaces) -> None:  # noqa: ANN002
    """Boundary elements need closed surfaces."""
    from einthoven.base.core.errors import BadInput

    if not all(surface.is_closed for surface in surfaces):
        raise BadInput("--open keep: boundary elements need closed surfaces; take --open cap, or "
                       "give a matrix by --transfer")  # fmt: skip


def _names(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Part -> name.

    Raises:
        BadInput: a part has two names.
    """
    from einthoven.base.core import check

    check.unique("--geometry or --signal", [part for part, _ in pairs])
    return dict(pairs)


def _named(parts: tuple[str, str], text: str) -> tuple[str, str]:
    """Read `PART=NAME`; a bare name is that of the first part."""
    part, equals, name = text.partition("=")
    if not equals:
        return parts[0], text
    if part not in parts or not name:
        raise argparse.ArgumentTypeError(
            f"expected {' or '.join(f'{part}=NAME' for part in parts)}, not {text!r}"
        )
    return part, name


def _range(text: str) -> tuple[int, int]:
    """First and last row of `1-192`."""
    first, dash, last = text.partition("-")
    if not (dash and first.isdigit() and last.isdigit()):
        raise argparse.ArgumentTypeError(f"expected FIRST-LAST, such as 1-192, not {text!r}")
    return int(first), int(last)


def _baseline(text: str) -> str | tuple[float, float]:
    """Word `auto` or `none`, or the two times of `120-140`."""
    if text in ("auto", "none"):
        return text
    start, _, end = text.partition("-")
    try:
        return number(start), number(end)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            f"expected auto, none or START-END, not {text!r}"
        ) from error
