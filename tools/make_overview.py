"""Draw docs/pictures/overview.png from a finished run: patients, streamlines, an ECG.

Usage: python tools/make_overview.py [RESULTS]
"""

import io
import sys
from pathlib import Path

import matplotlib.image
import numpy as np

from einthoven.app.report.cohort import body_image
from einthoven.app.report.ecg import QRS_WINDOW_MS
from einthoven.app.report.lead_field import ELECTRODE, streamline_figure
from einthoven.app.report.page import png_bytes
from einthoven.app.report.run import shown_method
from einthoven.base.core.files import atomic, load_arrays, read_json
from einthoven.base.plots.ecg_paper import ecg_figure
from einthoven.base.plots.scene import grid_figure
from einthoven.base.plots.style import new_figure
from einthoven.data.patient.anatomy import Anatomy
from einthoven.data.patient.patient import Patient

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "overview.png"
SCENARIO, SHOWN = "sinus", 4


def image_of(figure) -> np.ndarray:
    """Pixels of a figure."""
    return matplotlib.image.imread(io.BytesIO(png_bytes(figure)))


def ecg_of(patient: Patient, predicted: dict, method: str):
    """The QRS complex of the three methods on ECG paper."""
    ecg = patient.ecg
    j = [str(s) for s in ecg.scenario].index(SCENARIO)
    early = ecg.time < QRS_WINDOW_MS[1]
    traces = {"fem": ecg.ecg[j], method: predicted["ecg"][j], "pseudo": ecg.ecg_pseudo[j]}
    shown = {name: trace[:, early] for name, trace in traces.items()}
    return ecg_figure(ecg.time[early], shown, f"{patient.name}, sinus rhythm")


def main(results: Path) -> None:
    """Compose three rows: patients, lead field, ECG."""
    metrics = read_json(results / "report/metrics.json")
    method, test = shown_method(metrics), metrics["patients"]
    patient = Patient.open(results / "patients" / test[0])
    names = patient.lead_fields.electrode_names
    bodies = [Anatomy.load(results / "patients" / p / "anatomy.npz") for p in test[:SHOWN]]
    predicted = load_arrays(results / "predictions" / method / f"{test[0]}.npz")
    gradient = predicted["heart_grad"][patient.field.electrode_names.tolist().index(ELECTRODE)]
    figures = (
        grid_figure([body_image(body, len(names)) for body in bodies], test[:SHOWN], SHOWN),
        streamline_figure(patient, gradient, method),
        ecg_of(patient, predicted, method),
    )
    rows = [image_of(figure) for figure in figures]
    heights = [row.shape[0] / row.shape[1] for row in rows]
    figure = new_figure(9.0, 9.0 * sum(heights))
    for axes, row in zip(figure.subplots(3, 1, gridspec_kw={"height_ratios": heights}), rows):
        axes.imshow(row)
        axes.set_axis_off()
    with atomic(PICTURE) as temporary:
        temporary.write_bytes(png_bytes(figure))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "results"))
