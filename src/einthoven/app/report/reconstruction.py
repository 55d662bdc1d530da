"""The page of one reconstruction of a recording (`einthoven inverse`)."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from einthoven.app.report.page import PageSection, Picture, Table, write_page
from einthoven.base.plots.style import Figure
from einthoven.inverse.measured.reconstruction import Reconstruction

CAPTIONS = {
    "maps.png": "Potentials at the instant of the highest RMS on the body. On the torso: those "
    "that follow from the heart's by the forward model; dots: as measured, in the same colours.",
    "activation.png": "Activation times, earliest at the star, and their standard deviation. Where "
    "it is as large as the range of the times, the map says nothing.",
    "traces.png": "Potentials at the nodes that are activated first, at the median, and last, with "
    "the activation enlarged; nodes count from 1, as in activation.csv. The band holds 90 %, if "
    "the method states a deviation; reference: recorded on the heart.",
}
TEXT = (
    "An inverse solution fits the body's potentials well whether it is right or wrong: a small "
    "residual is no proof. Errors of the geometry and of the torso's conductivity are in none of "
    "the deviations below, unless the method estimates them. Potentials are relative to their mean "
    "over the heart; times count from the start of the beat."
)


def write_reconstruction(
    path: str | Path, result: Reconstruction, figures: Mapping[str, Figure]
) -> None:
    """Write one self-contained HTML page, atomically.

    Args:
        path: of the page.
        result: of a measured case.
        figures: by file name, of `reconstruction_figures.figures_of`.
    """
    case, diagnostics = result.case, result.estimate.diagnostics
    times, sd = result.activation_time, result.activation_sd
    numbers = {
        "method": result.method,
        "nodes on the heart": f"{len(times)}",
        "electrodes used": f"{len(case.electrodes)}",
        "samples": f"{len(case.time)}, {case.time[1] - case.time[0]:.3g} ms apart",
        "residual": f"{100 * diagnostics.residual_rel:.2f} %",
        "weight": "none" if diagnostics.reg_weight is None
        else f"{diagnostics.reg_weight:.3g} by {diagnostics.criterion}",
        "potentials (mV)": f"{result.estimate.potentials.min():.1f} to "
        f"{result.estimate.potentials.max():.1f}",
        "activation (ms)": f"{times.min():.0f} to {times.max():.0f}",
        "SD of activation times (ms)": "not stated" if sd is None
        else f"median {np.median(sd):.1f}, 90th percentile {np.quantile(sd, 0.9):.1f}",
        "seconds": f"{diagnostics.seconds:.1f}",
    }  # fmt: skip
    if diagnostics.notes:
        numbers["method's notes"] = "; ".join(diagnostics.notes)
    if result.comparison is not None:
        numbers["comparison"] = result.comparison
    input_rows = [note.partition(": ")[::2] for note in case.notes]
    sections = [
        PageSection("Result", TEXT, [
            Table(["", "value"], [list(row) for row in numbers.items()]),
            *(Picture(figure, CAPTIONS[name]) for name, figure in figures.items()),
        ]),
        PageSection("Input", "Findings in the files, and changes.", [
            Table(["item", "finding"], [list(row) for row in input_rows]),
        ]),
    ]  # fmt: skip
    write_page(path, "Inverse ECG", result.summary, sections)
