"""Cost of lead fields against mesh size and number of electrodes, and the physical limit.

For each size a patient is meshed (or the mesh of an earlier run is read) and each solver prepared,
asked for one electrode, and for blocks of them, in a process of its own. Processor seconds of one
thread. The limit of one solve is the traffic of L, read twice at the measured bandwidth; of a block
of electrodes, its arithmetic at the measured rate of dense products.

Usage: python benchmarks/leadfield_scaling.py [--folder F] [--nodes N ...] [--json OUT] [--plot PNG]
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from leadfield import run_case
from leadfield_mesh import build_patient

from einthoven.data.patient.patient import Patient
from einthoven.numerics.fem.solvers import choose

SIZES = (15_000, 30_000, 60_000, 117_000, 220_000, 400_000, 600_000)
COUNTS = (1, 9, 109, 1000)
SOLVERS = ("mumps", "amg")
PROCESSOR = 1


def measure(folder: Path, n_electrodes: int) -> dict:
    """Seconds and memory of each solver on one mesh."""
    row = {"nodes": len(Patient.open(folder).mesh.points)}
    for solver in SOLVERS:
        case = run_case("prepared", folder, n_electrodes, "--solver", solver)
        row[solver] = {key: case[key][PROCESSOR] for key in ("prepare", "single", "each")}
        row[solver]["peak_gb"] = case["peak_gb"]
        if solver == "mumps":
            row["factor_entries"] = case["factor_entries"]
    return row


def limits() -> dict:
    """Bytes read and double-precision operations in a processor second of one thread."""
    big, out = np.ones(50_000_000), np.empty((1500, 1500))
    square = np.random.default_rng(0).normal(size=(1500, 1500))
    read = _fastest(big.sum)
    product = _fastest(lambda: np.matmul(square, square, out=out))
    return {"bytes_per_s": big.nbytes / read, "flops": 2 * 1500**3 / product}


def _fastest(action, repeats: int = 7) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        action()
        seconds.append(time.process_time() - start)
    return min(seconds)


def total(row: dict, solver: str, n_electrodes: int) -> float:
    """Assembly, preparation and so many electrodes, s."""
    name = choose(solver, row["nodes"], n_electrodes)
    each = row[name]["single"] if n_electrodes == 1 else row[name]["each"]
    return row[name]["prepare"] + n_electrodes * each


def exponent(rows: list[dict], values: list[float]) -> float:
    """Slope of log(value) over log(nodes), of meshes above 30 k nodes."""
    nodes = np.array([row["nodes"] for row in rows])
    large = nodes > 30_000
    return float(np.polyfit(np.log(nodes[large]), np.log(np.array(values)[large]), 1)[0])


def summary(rows: list[dict], machine: dict) -> dict:
    """Exponents, limits, and electrodes at which both solvers cost the same."""
    fits = {"factor_entries": exponent(rows, [row["factor_entries"] for row in rows])}
    for solver in SOLVERS:
        for part in ("prepare", "single", "each"):
            fits[f"{solver}_{part}"] = exponent(rows, [row[solver][part] for row in rows])
    for count in COUNTS:
        fits[f"auto_{count}"] = exponent(rows, [total(row, "auto", count) for row in rows])
    for row in rows:
        saved = row["mumps"]["prepare"] - row["amg"]["prepare"]
        row["break_even"] = saved / (row["amg"]["each"] - row["mumps"]["each"])
        row["limit_single"] = 16 * row["factor_entries"] / machine["bytes_per_s"]
        row["limit_block"] = 4 * row["factor_entries"] / machine["flops"]
    return {"machine": machine, "exponents": fits, "sizes": rows}


def table(result: dict) -> str:
    """The rows as Markdown."""
    head = "| nodes | entries of L | prepare s | alone ms | in a block ms | limits ms | GB "
    head += "| amg prepare s | in a block ms | GB | break-even | "
    lines = [head + " | ".join(f"auto, {k} s" for k in COUNTS) + " |"]
    lines.append("|" + " ---: |" * (11 + len(COUNTS)))
    for row in result["sizes"]:
        mumps, amg = row["mumps"], row["amg"]
        cells = [f"{row['nodes'] / 1e3:.0f} k", f"{row['factor_entries'] / 1e6:.1f} M"]
        cells += [f"{mumps['prepare']:.2f}", f"{1e3 * mumps['single']:.0f}"]
        cells += [f"{1e3 * mumps['each']:.1f}"]
        cells += [f"{1e3 * row['limit_single']:.0f}, {1e3 * row['limit_block']:.1f}"]
        cells += [f"{mumps['peak_gb']:.2f}", f"{amg['prepare']:.2f}", f"{1e3 * amg['each']:.0f}"]
        cells += [f"{amg['peak_gb']:.2f}", f"{row['break_even']:.0f}"]
        cells += [f"{total(row, 'auto', count):.2f}" for count in COUNTS]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(result: dict, file: str) -> None:
    """Total cost by number of electrodes, and the cost of one electrode beside its limits."""
    from einthoven.base.plots.style import new_figure

    rows = result["sizes"]
    nodes = [row["nodes"] for row in rows]
    figure = new_figure(8.2, 3.6)
    left, right = figure.subplots(1, 2)
    markers = dict(zip(COUNTS, "osD^"))
    for count, grey in zip(COUNTS, ("0.0", "0.25", "0.45", "0.6")):
        seconds = [total(row, "auto", count) for row in rows]
        slope = result["exponents"][f"auto_{count}"]
        label = f"{count:,} electrode{'s' if count > 1 else ''} (N^{slope:.2f})"
        left.loglog(nodes, seconds, color=grey, marker=markers[count], ms=4, label=label)
    left.set(title="Assembly to lead fields, solver auto", ylabel="processor seconds")
    lines = (
        ("CG + multigrid, in a block", lambda r: r["amg"]["each"], "0.45", "D-"),
        ("MUMPS, one electrode alone", lambda r: r["mumps"]["single"], "0.0", "s-"),
        ("its limit: reading L twice", lambda r: r["limit_single"], "0.0", ":"),
        ("MUMPS, in a block", lambda r: r["mumps"]["each"], "0.3", "o-"),
        ("its limit: 4 operations an entry", lambda r: r["limit_block"], "0.3", "--"),
    )
    for label, value, grey, look in lines:
        right.loglog(nodes, [1e3 * value(row) for row in rows], look, color=grey, ms=4, label=label)
    right.set(title="One more electrode", ylabel="processor milliseconds")
    left.set_ylim(top=8 * left.get_ylim()[1])
    right.set_ylim(top=40 * right.get_ylim()[1])
    for axes in (left, right):
        ticks = [20_000, 50_000, 100_000, 200_000, 500_000]
        axes.set_xticks(ticks, [f"{tick // 1000} k" for tick in ticks])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("nodes N")
        axes.legend(fontsize=7, loc="upper left")
        axes.grid(alpha=0.3)
    figure.savefig(file, dpi=150)


def main() -> None:
    """Mesh, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="where meshes are kept", default=".")
    parser.add_argument("--read", help="JSON of an earlier run, instead of measuring")
    parser.add_argument("--nodes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--electrodes", type=int, default=128)
    parser.add_argument("--json")
    parser.add_argument("--plot")
    options = parser.parse_args()
    earlier = json.loads(Path(options.read).read_text()) if options.read else None
    rows = earlier["sizes"] if earlier else []
    for n_nodes in [] if earlier else options.nodes:
        folder = Path(options.folder) / f"n{n_nodes}"
        if not (folder / "fibers.npz").exists():
            build_patient(n_nodes, folder)
        rows.append(measure(folder, options.electrodes))
        print(json.dumps(rows[-1]), flush=True)
    result = summary(rows, earlier["machine"] if earlier else limits())
    print(table(result))
    print(json.dumps({key: result[key] for key in ("machine", "exponents")}, indent=1))
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=1) + "\n")
    if options.plot:
        plot(result, options.plot)


if __name__ == "__main__":
    main()
