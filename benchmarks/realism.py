"""How well classifiers distinguish simulated sinus beats from those of healthy people.

    python benchmarks/realism.py --against PTB-XL --control LUDB --json OUT [--simulated RESULTS]

PTB-XL and LUDB are folders with their sheets (`ptbxl_database.csv`, `ludb.csv`); of both only
healthy adults are compared, one recording each, matched by heart rate, age and sex as far as both
groups state them. The control compares the people of LUDB with those of PTB-XL, halves one half of
PTB-XL with the other. The JSON also has the P waves of the simulated people as delineated
(`p_wave`) and how many were matched (`n_matched`), as an area of few people says little. Without
`--simulated` results/ of the clone is taken.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from p_wave import INVERTED, UPRIGHT
from tabulate import tabulate

from einthoven.app.evaluation.realism.judge import judge_realism
from einthoven.app.evaluation.realism.judged_tables import area_table, statements, telling_table
from einthoven.app.evaluation.realism.people import PeopleEcgs
from einthoven.app.evaluation.realism.reading import GroupChoice, PeopleFound, read_people
from einthoven.app.report.realism import write_realism_figure
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import write_json

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"


def timed(path: Path, label: str, choice: GroupChoice) -> tuple[PeopleFound, float]:
    """A group, and the seconds that reading and delineation took."""
    start = time.perf_counter()
    found = read_people([path], label, choice)
    return found, time.perf_counter() - start


def main() -> None:
    """Read the groups, judge, print, write JSON and the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--simulated", type=Path, default=ROOT / "results",
                        help="results of a run, patients' folders, or a store")  # fmt: skip
    parser.add_argument("--scenario", default="sinus")
    parser.add_argument("--against", type=Path, default=DATA / "ptb-xl")
    parser.add_argument("--control", type=Path, default=DATA / "ludb")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path, help=".png, .svg or .pdf")
    options = parser.parse_args()
    healthy = GroupChoice(healthy=True)
    try:
        groups = {
            "simulated": timed(options.simulated, "simulated", GroupChoice(options.scenario)),
            "real": timed(options.against, "real", healthy),
            "control": timed(options.control, "control", healthy),
        }
    except BadInput as problem:
        parser.error(str(problem))
    report(groups, options)


def p_waves(people: PeopleEcgs) -> dict[str, float | int | None]:
    """P waves of a group as delineated: medians, and the share with all polarities as in people.

    Returns:
        n (people in whom a P wave was found), duration_ms, amplitude_mv (II), polarity_share (of
        these: upright in `UPRIGHT`, inverted in `INVERTED`); None where there is none.
    """
    column = dict(zip(people.feature_names, people.features.T))
    found = np.isfinite(column["p_ms"])
    if not found.any():
        return {"n": 0, "duration_ms": None, "amplitude_mv": None, "polarity_share": None}
    peaks = {lead: column[f"p_mv_{lead.lower()}"][found] for lead in (*UPRIGHT, *INVERTED)}
    right = [peaks[lead] > 0 for lead in UPRIGHT] + [peaks[lead] < 0 for lead in INVERTED]
    return {
        "n": int(found.sum()),
        "duration_ms": float(np.median(column["p_ms"][found])),
        "amplitude_mv": float(np.median(column["p_mv_ii"][found])),
        "polarity_share": float(np.all(right, axis=0).mean()),
    }


def report(groups: dict[str, tuple[PeopleFound, float]], options: argparse.Namespace) -> None:
    """Judge the groups and print and write what is found."""
    people: dict[str, PeopleEcgs] = {label: group.people for label, (group, _) in groups.items()}
    start = time.perf_counter()
    judged = judge_realism(**people, seed=options.seed)
    matching = judged.matching
    found: dict[str, Any] = judged.found | {
        "p_wave": p_waves(people["simulated"]),
        "n_matched": {"simulated": len(matching.one), "real": len(matching.other)},
    }
    seconds = {f"read_{label}": duration for label, (_, duration) in groups.items()}
    seconds["judge"] = time.perf_counter() - start
    for header, lines in (telling_table(judged), area_table(judged)):
        print(tabulate(lines, header, disable_numparse=True), end="\n\n")
    print("\n".join(note for group, _ in groups.values() for note in group.notes))
    print("\n".join(statements(judged)))
    print("seconds:", ", ".join(f"{name} {duration:.1f}" for name, duration in seconds.items()))
    if options.json:
        sizes = {f"n_{label}": len(group) for label, group in people.items()}
        left_out = {name: why for group, _ in groups.values()
                    for name, why in group.left_out.items()}  # fmt: skip
        write_json(options.json, found | sizes | {"seconds": seconds, "left_out": left_out})
    if options.figure:
        write_realism_figure(options.figure, judged)


if __name__ == "__main__":
    main()
