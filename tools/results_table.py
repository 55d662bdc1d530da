"""Write the table of docs/results.md from the metrics.json of a finished demo run.

Usage: python tools/results_table.py [RESULTS]
"""

import sys
from pathlib import Path

from einthoven.base.core.atomic import atomic
from einthoven.base.core.files import read_json

PAGE = Path(__file__).resolve().parent.parent / "docs" / "results.md"
HEADING = "| method | angle in the heart"
ROWS = {
    "pseudo": "pseudo lead field, eq. (11)",
    "pseudo-scaled": "pseudo lead field, one fitted factor",
    "pca-mlp": "PCA code, published network",
    "deepsdf-mlp": "DeepSDF code, published network",
    "pca-refraction": "PCA code, refraction model *",
    "deepsdf-refraction": "**DeepSDF code, refraction model**",
    "operator": "operator *",
}
COLUMNS = {
    "angular_error_deg": (1, 2),
    "angular_error_precordial_deg": (1, 2),
    "angular_error_torso_deg": (1, 2),
    "magnitude_error_rel": (1, 3),
    "ecg_rel_l2": (1, 3),
    "ecg_rel_mse": (1, 3),
    "qrs_amplitude_error_mv": (1, 2),
    "seconds_per_lead": (1000, 0),
}
"""Key of metrics.json -> factor to the unit of the table, and digits."""


def cell(row: dict, key: str) -> str:
    """Mean and standard deviation, or a dash."""
    factor, digits = COLUMNS[key]
    if key not in row:
        return "–"
    return " ± ".join(f"{factor * row[key][of]:.{digits}f}" for of in ("mean", "std"))


def main(results: Path) -> None:
    """Replace the rows under the table's heading."""
    methods = read_json(results / "report/metrics.json")["methods"]
    lines = PAGE.read_text().splitlines(keepends=True)
    start = next(i for i, line in enumerate(lines) if line.startswith(HEADING)) + 2
    end = next(i for i in range(start, len(lines)) if not lines[i].startswith("|"))
    lines[start:end] = [
        " | ".join([f"| {name}", *(cell(methods[method], key) for key in COLUMNS)]) + " |\n"
        for method, name in ROWS.items()
        if method in methods
    ]
    with atomic(PAGE) as aside:
        aside.write_text("".join(lines))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("results"))
