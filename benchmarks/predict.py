"""From surfaces to a predicted 12-lead ECG: seconds of `einthoven predict`, one process a patient.

    python benchmarks/predict.py (--sample | FOLDER ...) [--bare] [--fine] [--json OUT]

FOLDERs hold an anatomy.npz each, as `einthoven import` or the workflow wrote it; what else lies
there is not used. --sample: the patient that comes with the package. Each is predicted by the
shipped model for the nine electrodes of the ECG and a grid of 100, in a process of its own, so that
the start of Python, imports, and the compiling that numba does are in the time; `--bare` hides
gmsh and PETSc from it, as where they are not installed; `--fine` is that of the command.
`seconds_to_ecg` is the mean of processor seconds over the patients; on idle cores wall time is that
without threads. `patients` has for each both times, the steps that the command tells, whether the
model knows such a heart, and the ECG's peak in mV.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import write_json
from einthoven.base.core.log import track
from einthoven.data.dataset.sample import sample

HIDDEN = ("gmsh", "pymeshlab", "petsc4py", "dolfinx", "dolfinx_solver")
WITHOUT = f"""
import sys
for name in {HIDDEN}:
    sys.modules[name] = None
"""
COMMAND = "import sys\nfrom einthoven.app.cli import main\nsys.exit(main(sys.argv[1:]))"


def measured(folder: Path, bare: bool, fine: bool = False) -> dict[str, Any]:
    """Times of one patient, and what the command said of it.

    Raises:
        BadInput: no anatomy there, the command failed, or it gave no ECG.
    """
    with tempfile.TemporaryDirectory() as scratch:
        alone, to = Path(scratch, "patient"), Path(scratch, "predicted")
        alone.mkdir()
        try:
            shutil.copyfile(folder / "anatomy.npz", alone / "anatomy.npz")
        except OSError as error:
            raise BadInput(f"{folder}: no anatomy.npz ({error.strerror})") from error
        code = (WITHOUT if bare else "") + COMMAND
        command = [sys.executable, "-c", code, "predict", str(alone), "--to", str(to)]
        command += ["--fine"] if fine else []
        before, start = os.times(), time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True)
        wall, after = time.perf_counter() - start, os.times()
        if done.returncode or "ECG of" not in done.stdout:
            raise BadInput(f"{folder}: {done.stderr.strip() or done.stdout.strip()}")
        with np.load(to / "prediction.npz") as found:
            highest = float(np.abs(found["ecg"]).max())
    user, system = (getattr(after, f"children_{kind}") - getattr(before, f"children_{kind}")
                    for kind in ("user", "system"))  # fmt: skip
    steps = re.search(r"\d s \((.*)\)", done.stdout)
    return {
        "processor_seconds": user + system,
        "wall_seconds": wall,
        "steps": steps.group(1) if steps else "",
        "in_distribution": ": in distribution" in done.stdout,
        "highest_mv": highest,
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("folders", metavar="FOLDER", type=Path, nargs="*")
    add("--sample", action="store_true", help="the patient that comes with the package")
    add("--bare", action="store_true", help="as where the extra [solve] is not installed")
    add("--fine", action="store_true", help="halve long edges of the muscle")
    add("--json", type=Path)
    options = parser.parse_args()
    folders = [*([sample("patient")] if options.sample else []), *options.folders]
    if not folders:
        parser.error("give --sample, or folders with anatomy.npz")
    patients = {}
    try:
        for folder in track(folders, "predict"):
            patients[folder.name] = row = measured(folder, options.bare, options.fine)
            print(folder.name, row, flush=True)
    except BadInput as error:
        sys.exit(f"predict: {error}")
    seconds = float(np.mean([row["processor_seconds"] for row in patients.values()]))
    print(f"seconds_to_ecg: {seconds:.1f}")
    if options.json:
        write_json(options.json, {"seconds_to_ecg": seconds, "bare": options.bare,
                                  "fine": options.fine, "patients": patients})  # fmt: skip


if __name__ == "__main__":
    main()
