"""Write the first table of docs/results/demo.json from the metrics.json of a finished demo run.

Usage: python tools/results_table.py [RESULTS], then python tools/write_results.py
"""

import json
import re
import sys
from datetime import date
from pathlib import Path

from einthoven.base.core.files import atomic, read_json

TOPIC = Path(__file__).resolve().parent.parent / "docs" / "results" / "demo.json"
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
ROW = re.compile(r"\[\n[^\[\]{}]*\]")
"""A row of a table, which takes one line of the file."""


def cell(row: dict, key: str) -> str:
    """Mean and standard deviation, or a dash."""
    factor, digits = COLUMNS[key]
    if key not in row:
        return "–"
    return " ± ".join(f"{factor * row[key][of]:.{digits}f}" for of in ("mean", "std"))


def main(results: Path) -> None:
    """Replace the rows and the date of the topic's first table."""
    metrics = results / "report/metrics.json"
    methods = read_json(metrics)["methods"]
    topic = read_json(TOPIC)
    table = topic["tables"][0]
    table["date"] = date.fromtimestamp(metrics.stat().st_mtime).isoformat()
    table["rows"] = [
        [name, *(cell(methods[method], key) for key in COLUMNS)]
        for method, name in ROWS.items()
        if method in methods
    ]
    text = json.dumps(topic, indent=1, ensure_ascii=False)
    with atomic(TOPIC) as aside:
        aside.write_text(
            ROW.sub(lambda row: re.sub(r"\n *", "", row[0].replace(",\n", ", \n")), text) + "\n"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("results"))
