"""Hearts that people have, kept by the tests: which get in, which are meshed, which are refused.

`benchmarks/any_body.py` calls this.
"""

import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from einthoven.base.config.models import AnatomySettings, MeshSettings
from einthoven.base.core.errors import BadInput, EinthovenError
from einthoven.base.core.log import track
from einthoven.body.imported.anatomy import import_patient
from einthoven.body.imported.sheet import Row
from einthoven.body.mesh.tetrahedra import tetrahedralise

ROOT = Path(__file__).resolve().parents[1]
IMPORT_EDGE_MM = 4.0


def imports() -> dict[str, Any]:
    """Numbers of accepted kinds of input, and of broken ones refused with their reason.

    Kinds made of data that is not on this machine are counted as not run.
    """
    sys.path.append(str(ROOT / "tests"))
    import pytest
    from helpers.import_catalogue import ACCEPTED
    from helpers.import_refusals import REFUSED

    counts: dict[str, Any] = {"import_accepted": 0, "import_refused_truly": 0}
    problems, not_run = {}, []
    kinds = [*((name, write, None) for name, write in ACCEPTED.items()),
             *((name, *its) for name, its in REFUSED.items())]  # fmt: skip
    for name, write, reason in track(kinds, "imports"):
        try:
            with tempfile.TemporaryDirectory() as folder:
                told = told_of_import(write, Path(folder))
        except pytest.skip.Exception:
            not_run.append(name)
            continue
        if reason is None and told is None:
            counts["import_accepted"] += 1
        elif reason is not None and told is not None and re.search(reason, told):
            counts["import_refused_truly"] += 1
        else:
            problems[name] = told or "was accepted"
    return counts | {"import_problems": problems, "import_not_run": not_run}


def meshed(edges_mm: Sequence[float], part: str) -> dict[str, Any]:
    """Edge length -> numbers of difficult hearts imported and meshed, and what failed.

    Hearts made of data that is not on this machine are counted as not run.
    """
    sys.path.append(str(ROOT / "tests"))
    import pytest
    from helpers.difficult_hearts import DIFFICULT

    found: dict[str, Any] = {}
    for edge_mm in edges_mm:
        counts: dict[str, Any] = {"tried": 0, "meshed": 0, "failed": {}, "not_run": []}
        for name in track([kind for kind in DIFFICULT if part in kind], f"{edge_mm:g} mm"):
            start = time.process_time()
            try:
                with tempfile.TemporaryDirectory() as folder:
                    quality = quality_of_mesh(DIFFICULT[name](Path(folder)), Path(folder), edge_mm)
            except pytest.skip.Exception:
                counts["not_run"].append(name)
                continue
            except EinthovenError as error:
                quality, counts["failed"][name] = None, str(error)
            counts["tried"] += 1
            counts["meshed"] += quality is not None
            print(edge_mm, name, quality, f"{time.process_time() - start:.0f} s", flush=True)
        found[f"{edge_mm:g}"] = counts
    return found


def quality_of_mesh(row: Row, folder: Path, edge_mm: float) -> float:
    """Least quality of the cells of an imported heart's mesh; it raises what import or mesh do."""
    anatomy = import_patient(row, folder / "defect.png", AnatomySettings(heart_edge_mm=edge_mm))
    settings = MeshSettings(heart_edge_mm=edge_mm, torso_edge_mm=25.0)
    mesh = tetrahedralise(anatomy.surfaces, anatomy.site_points[:9], settings)
    return float(mesh.quality["quality_min"])


def told_of_import(write: Any, folder: Path) -> str | None:
    """The refusal of what `write` puts into a folder; None if it gets in."""
    try:
        import_patient(
            write(folder), folder / "defect.png", AnatomySettings(heart_edge_mm=IMPORT_EDGE_MM)
        )
    except BadInput as refusal:
        return str(refusal)
    return None
