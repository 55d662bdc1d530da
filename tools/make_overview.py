"""Draw docs/pictures/overview.png from a finished run: patients, streamlines, an ECG.

Usage: python tools/make_overview.py [RESULTS]
"""

import io
import sys
from pathlib import Path

import matplotlib.image
import numpy as np

from einthoven.core.files import atomic, load_arrays, read_json
from einthoven.plots import scene
from einthoven.plots.ecg_paper import ecg_figure
from einthoven.plots.style import new_figure
from einthoven.report import gallery
from einthoven.report.page import png_bytes

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "overview.png"
ELECTRODE, SCENARIO, SHOWN = "LA", "sinus", 4


def image_of(figure) -> np.ndarray:
    """Pixels of a figure."""
    return matplotlib.image.imread(io.BytesIO(png_bytes(figure)))


def main(results: Path) -> None:
    """Compose three rows: patients, lead field, ECG."""
    metrics = read_json(results / "report/metrics.json")
    method, test = gallery.shown_method(metrics), metrics["patients"]
    folder = results / "patients" / test[0]
    anatomies = [load_arrays(results / "patients" / p / "anatomy.npz") for p in test[:SHOWN]]
    mesh, ecg = load_arrays(folder / "mesh.npz"), load_arrays(folder / "ecg.npz")
    solved = load_arrays(folder / "leadfield_b0.npz")
    n = len(solved["electrode_names"])
    patients = scene.grid_figure(
        [scene.anatomy_image(a, n) for a in anatomies], test[:SHOWN], SHOWN
    )
    predicted = load_arrays(results / "predictions" / method / f"{test[0]}.npz")
    k = [str(n) for n in solved["electrode_names"]].index(ELECTRODE)
    lines = gallery.field_section(
        mesh, solved["lead_field"][k], ELECTRODE, predicted["heart_grad"][k], method
    )
    j = [str(s) for s in ecg["scenario"]].index(SCENARIO)
    early = ecg["time"] < gallery.QRS_WINDOW_MS[1]
    traces = {"fem": ecg["ecg"][j], method: predicted["ecg"][j], "pseudo": ecg["ecg_pseudo"][j]}
    shown = {name: trace[:, early] for name, trace in traces.items()}
    paper = ecg_figure(ecg["time"][early], shown, f"{test[0]}, sinus rhythm")
    rows = [image_of(f) for f in (patients, lines.content[0].image, paper)]
    heights = [row.shape[0] / row.shape[1] for row in rows]
    figure = new_figure(9.0, 9.0 * sum(heights))
    for axes, row in zip(figure.subplots(3, 1, gridspec_kw={"height_ratios": heights}), rows):
        axes.imshow(row)
        axes.set_axis_off()
    with atomic(PICTURE) as temporary:
        temporary.write_bytes(png_bytes(figure))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "results"))
