r"""How well classifiers distinguish simulated sinus beats from those of healthy people.

    python benchmarks/realism.py --data DATA --people test --twins 8 --json OUT \
        [--simulated RESULTS]

DATA holds `ptb-xl/` and `ludb/` with their sheets (`ptbxl_database.csv`, `ludb.csv`); of both only
healthy adults are compared, one recording each, matched by heart rate, age and sex as far as both
groups state them. The control compares the people of LUDB with those of PTB-XL, halves one half of
PTB-XL with the other. With `--people test` only those of PTB-XL count on whom nothing was chosen,
with `--people all` those of the fit as well. The JSON also has the P waves of the simulated people
as delineated (`p_wave`), how many were matched (`n_matched`), as an area of few people says little,
what imaging says of the labelled recordings of the test (`in_distribution_share`,
`sinus_share_of_reported`, and all of `recorded_patterns.py` in `imaging`), and the digital twin of
`--twins` healthy people of the test (`twin_correlation_median`, and all of `recorded_twin.py`).
Without `--simulated` results/ of the clone is taken.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from p_wave import INVERTED, UPRIGHT
from recorded_patterns import figures as imaging_figures
from recorded_patterns import told
from recorded_twin import healthy_recordings, recorded_twin_figures
from tabulate import tabulate

from einthoven.app.evaluation.ecg_folders import patients_in
from einthoven.app.evaluation.labelled_recordings import TEST, read_labelled
from einthoven.app.evaluation.realism.judge import judge_realism
from einthoven.app.evaluation.realism.judged_tables import area_table, statements, telling_table
from einthoven.app.evaluation.realism.people import PeopleEcgs
from einthoven.app.evaluation.realism.reading import GroupChoice, PeopleFound, read_people
from einthoven.app.report.realism import write_realism_figure
from einthoven.base.config import Config
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import write_json
from einthoven.imaging.twin.body_bank import BodyBank

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
    parser.add_argument("--data", type=Path, default=DATA, help="folder of ptb-xl/ and ludb/")
    parser.add_argument("--people", choices=(TEST, "all"), default=TEST)
    parser.add_argument("--twins", type=int, default=8, help="people who get a twin; 0: none")
    parser.add_argument("--patients", type=Path, help="bodies of the twins; default: those of "
                        "--simulated")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path, help=".png, .svg or .pdf")
    options = parser.parse_args()
    healthy = GroupChoice(healthy=True)
    real = replace(healthy, part=TEST if options.people == TEST else None)
    try:
        groups = {
            "simulated": timed(options.simulated, "simulated", GroupChoice(options.scenario)),
            "real": timed(options.data / "ptb-xl", "real", real),
            "control": timed(options.data / "ludb", "control", healthy),
        }
        learned = imaging_shares(options.data) | twin_figures(options)
    except BadInput as problem:
        parser.error(str(problem))
    report(groups, learned, options)


def imaging_shares(data: Path) -> dict[str, Any]:
    """What imaging says of the labelled recordings of the test.

    Returns:
        in_distribution_share and sinus_share_of_reported, 1 or None where nobody counts; imaging,
        all of `recorded_patterns.figures`.
    """
    rows, refused = told(read_labelled(data, TEST))
    found = imaging_figures(rows) | {"n_refused": len(refused)}
    keys = "in_distribution_share", "sinus_share_of_reported"
    return {key: found[key]["share"] for key in keys} | {"imaging": found}


def twin_figures(options: argparse.Namespace) -> dict[str, Any]:
    """Twins of healthy people of the test, with the keys of `recorded_twin.py`."""
    if not options.twins:
        return {}
    patients = patients_in(options.patients or options.simulated)
    bank = BodyBank.kept(patients, Config(), patients.parent / "twin_bank.npz")
    chosen = healthy_recordings(options.data / "ptb-xl", TEST, options.twins)
    return recorded_twin_figures(chosen, bank)


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


def report(
    groups: dict[str, tuple[PeopleFound, float]],
    learned: dict[str, Any],
    options: argparse.Namespace,
) -> None:
    """Judge the groups; print and write what is found, with what imaging and twins gave."""
    people: dict[str, PeopleEcgs] = {label: group.people for label, (group, _) in groups.items()}
    start = time.perf_counter()
    judged = judge_realism(**people, seed=options.seed)
    matching = judged.matching
    found: dict[str, Any] = judged.found | {
        "p_wave": p_waves(people["simulated"]),
        "n_matched": {"simulated": len(matching.one), "real": len(matching.other)},
        **learned,
    }
    seconds = {f"read_{label}": duration for label, (_, duration) in groups.items()}
    seconds["judge"] = time.perf_counter() - start
    for header, lines in (telling_table(judged), area_table(judged)):
        print(tabulate(lines, header, disable_numparse=True), end="\n\n")
    print("\n".join(note for group, _ in groups.values() for note in group.notes))
    print("\n".join(statements(judged)))
    shown = "in_distribution_share", "sinus_share_of_reported", "twin_correlation_median"
    print(", ".join(f"{key} {learned[key]}" for key in shown if key in learned))
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
