"""Colours, line styles and figure defaults shared by all plots."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from einthoven.base.core.files import atomic

# One look per method everywhere: (colour, line style, label).
METHODS: dict[str, tuple[str, object, str]] = {
    "fem": ("#000000", "-", "FEM"),
    "pseudo": ("#999999", (0, (1, 1.2)), "pseudo lead field"),
    "pseudo-scaled": ("#666666", (0, (1, 0.8, 3, 0.8)), "pseudo lead field, scaled"),
    "pca-mlp": ("#E69F00", (0, (6, 1.5, 1, 1.5)), "PCA, published network"),
    "deepsdf-mlp": ("#CC79A7", (0, (3, 1.2)), "DeepSDF, published network"),
    "pca-refraction": ("#56B4E9", (0, (7, 1.5)), "PCA, refraction model"),
    "deepsdf-refraction": ("#0072B2", (0, (4, 1.2)), "DeepSDF, refraction model"),
    "operator": ("#D55E00", (0, (5, 3)), "operator"),
}
SEQUENTIAL = "viridis"
EARLY_IS_BRIGHT = "viridis_r"
"""Colour map of times on the heart, as in clinical maps."""


def look(method: str) -> tuple[str, object, str]:
    """Colour, line style and label of a method; unknown ones are drawn thin and named as given."""
    return METHODS.get(method, ("#009E73", "-", method))


house_style = partial(
    matplotlib.rc_context,
    {
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 10,
        "figure.dpi": 110,
        "savefig.dpi": 110,
        "legend.frameon": False,
        "svg.hashsalt": "einthoven",
    },
)
"""Fonts, grids and sizes of the project's figures: decorator of a function, or `with`."""


@house_style()
def new_figure(width: float, height: float) -> Figure:
    """A figure in the house style that no global pyplot state keeps alive; inches."""
    return Figure(figsize=(width, height), layout="constrained")


def write_figures(figures: Mapping[str, Figure], folder: Path) -> None:
    """Write PNG files by name into a folder, each atomically and with the same bytes each time."""
    for name, figure in figures.items():
        with atomic(folder / name) as temporary:
            figure.savefig(temporary, format="png", metadata={"Software": None})


def legend_below(figure: Figure, columns: int | None = None) -> None:
    """One legend under all panels, of what the first panel shows."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns or len(labels))
