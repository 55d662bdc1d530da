"""Write the page: markup, style, scripts and one patient in one file."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup
from matplotlib import colormaps

from einthoven.app.report.page import templates
from einthoven.app.report.viewer.methods import shown_methods
from einthoven.app.report.viewer.scene import PATIENT_BYTES, Scene, scene_of
from einthoven.base.core.errors import StepFailed
from einthoven.base.core.files import atomic
from einthoven.base.core.version import __version__
from einthoven.base.plots.style import EARLY_IS_BRIGHT, SEQUENTIAL
from einthoven.data.patient.patient import Patient

VIEWER_BYTES = 100_000
"""Largest size of the page without its patient."""
SCRIPTS = ("data.js", "ecg.js", "shaders.js", "turntable.js", "view.js", "controls.js",
           "main.js")  # fmt: skip
"""Scripts in the order of their dependencies; all in one function, after OGL."""
COLOUR_MAPS = {"time": EARLY_IS_BRIGHT, "magnitude": SEQUENTIAL, "angle": "inferno"}
"""Quantity -> matplotlib colour map of monotone lightness."""
N_COLOURS = 64
DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class PageSize:
    """Bytes of the page: of its `viewer`, the same for all, and of the `patient` in it."""

    viewer: int
    patient: int

    @property
    def line(self) -> str:
        """Sizes as one line of text."""
        return f"viewer {self.viewer / 1e3:.0f} kB, patient {self.patient / 1e3:.0f} kB"


def write_view(
    path: str | Path, patient: Patient, prediction: str | Path | None = None
) -> PageSize:
    """Write the interactive page of a patient.

    Args:
        path: heart.html.
        patient: with anatomy, mesh and activations, and lead fields and ECG if they were solved.
        prediction: prediction.npz of a surrogate, to look at or to compare.

    Returns:
        How large it is.

    Raises:
        BadInput: a stage is missing, or files do not belong together.
    """
    return write_scene(path, scene_of(patient, shown_methods(patient, prediction)))


def write_scene(path: str | Path, scene: Scene) -> PageSize:
    """Write a page atomically; nothing in it is loaded from elsewhere.

    Raises:
        StepFailed: it is larger than it may be.
    """
    content = {**scene.to_json(), "maps": _colour_maps()}
    # in a script element, "</" would end it wherever it stands
    text = json.dumps(content, separators=(",", ":")).replace("</", "<\\/")
    parts = {
        "style": Markup((DATA / "viewer.css").read_text()),
        "library": Markup((DATA / "ogl.min.js").read_text()),
        "script": Markup("\n".join((DATA / name).read_text() for name in SCRIPTS)),
        "about": scene.about,
        "version": __version__,
    }
    template = templates("einthoven.app.report.viewer", "data").get_template("page.html.j2")
    page = template.render(**parts, data=Markup(text))
    size = PageSize(len(page.encode()) - len(text), len(text))
    if size.viewer > VIEWER_BYTES or size.patient > PATIENT_BYTES:
        raise StepFailed(
            f"{path}: {size.line}; at most {VIEWER_BYTES / 1e3:.0f} and "
            f"{PATIENT_BYTES / 1e3:.0f} kB"
        )
    with atomic(path) as temporary:
        temporary.write_text(page)
    return size


def _colour_maps() -> dict[str, str]:
    """Name -> `N_COLOURS` colours as six hexadecimal digits each, from low to high."""
    stops = np.linspace(0, 1, N_COLOURS)
    return {
        shown: np.asarray(colormaps[name](stops, bytes=True))[:, :3].tobytes().hex()
        for shown, name in COLOUR_MAPS.items()
    }
