"""Colours, line styles and figure defaults shared by all plots."""

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

# One look per method everywhere: (colour, line style, label).
METHODS: dict[str, tuple[str, object, str]] = {
    "fem": ("#000000", "-", "FEM"),
    "pseudo": ("#999999", (0, (1, 1.2)), "pseudo lead field"),
    "pseudo-scaled": ("#666666", (0, (1, 0.8, 3, 0.8)), "pseudo lead field, scaled"),
    "pca-mlp": ("#E69F00", (0, (6, 1.5, 1, 1.5)), "PCA, published network"),
    "deepsdf-mlp": ("#CC79A7", (0, (3, 1.2)), "DeepSDF, published network"),
    "pca-refraction": ("#56B4E9", (0, (7, 1.5)), "PCA, refraction model"),
    "deepsdf-refraction": ("#0072B2", (0, (4, 1.2)), "DeepSDF, refraction model"),
}
TISSUE_COLOURS = {
    "skin": "#E8D3C0", "epi": "#B03A2E", "lv": "#D55E00", "rv": "#0072B2", "lung": "#7A9A83"
}  # fmt: skip
SEQUENTIAL = "viridis"
DIVERGING = "RdBu_r"


def look(method: str) -> tuple[str, object, str]:
    """Colour, line style and label of a method; unknown ones are drawn thin and named as given."""
    return METHODS.get(method, ("#009E73", "-", method))


@contextmanager
def house_style() -> Iterator[None]:
    """Fonts, grids and sizes of the project's figures."""
    with plt.rc_context(
        {
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 10,
            "figure.dpi": 110,
            "savefig.dpi": 110,
            "legend.frameon": False,
            "svg.hashsalt": "einthoven",
        }
    ):
        yield


def new_figure(width: float, height: float, **keywords: object) -> Figure:
    """A figure in the house style that no global pyplot state keeps alive."""
    with house_style():
        return Figure(figsize=(width, height), layout="constrained", **keywords)  # type: ignore[arg-type]
