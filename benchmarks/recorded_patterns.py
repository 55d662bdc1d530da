"""What imaging says of labelled recordings of people: like healthy ones or not, and the pattern.

    python benchmarks/recorded_patterns.py [--data DATA] [--people test] --json OUT

DATA holds `ptb-xl/` and `ludb/`. Fit people are those on whom `tools/fit_recorded_pattern.py`
decided; what is said of them here is not cross-validated (the shipped file's `about` has that).
Test people decided nothing. Intervals of shares are Wilson's, of 95 %.
"""

import argparse
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

from einthoven.app.evaluation.labelled_recordings import (
    FIT,
    LEFT,
    LEFT_PART,
    PACED,
    RIGHT,
    RIGHT_PART,
    SINUS,
    TEST,
    LabelledRecording,
    read_labelled,
)
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import write_json
from einthoven.base.core.log import track
from einthoven.base.metrics.shares import wilson
from einthoven.imaging.model.imaged_ecg import ImagedEcg
from einthoven.imaging.model.imaging_model import ImagingModel
from einthoven.physics.ecg.recordings.aligned import aligned_beat
from einthoven.physics.ecg.recordings.read import read_recording

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
NOT_REPORTED = "not reported"
LIKELY_PERCENT = 50.0
"""Likelihood of an infarct, as its report words it, from which on it is probable."""
PATTERNS = (SINUS, LEFT, RIGHT, PACED, NOT_REPORTED)
RIGHT_OF = {LEFT: (LEFT, LEFT_PART), RIGHT: (RIGHT, RIGHT_PART), PACED: (PACED,)}
"""Reported pattern -> labels of which it is right; an incomplete block has the block's shape."""


@dataclass(frozen=True, eq=False)
class ToldRecording:
    """What was said of one labelled recording.

    Attributes:
        label: of the recording. pattern: reported, or "not reported".
        like_people: like healthy people's. like_simulations: like the training's.
        founded: the map may be believed as far as the checks go. seconds: of the call.
    """

    label: LabelledRecording
    pattern: str
    like_people: bool
    like_simulations: bool
    founded: bool
    seconds: float

    @classmethod
    def of(cls, label: LabelledRecording, found: ImagedEcg, seconds: float) -> "ToldRecording":
        """What an imaged ECG says."""
        return cls(label, found.recorded.pattern or NOT_REPORTED, found.people.in_distribution,
                   found.check.in_distribution, found.map_is_founded, seconds)  # fmt: skip


def told(
    labels: Iterable[LabelledRecording], model: ImagingModel | None = None
) -> tuple[list[ToldRecording], dict[str, str]]:
    """Image recordings; also file -> why it was refused."""
    model = model or ImagingModel.load()
    found, refused = [], {}
    for label in track(list(labels), "recordings"):
        start = time.perf_counter()
        try:
            imaged = model.image(aligned_beat(read_recording(label.file)))
        except BadInput as problem:
            refused[str(label.file)] = str(problem)
            continue
        found.append(ToldRecording.of(label, imaged, time.perf_counter() - start))
    return found, refused


def share(flags: Sequence[bool]) -> dict[str, Any]:
    """Count, number, share (None without any) and its interval."""
    count, n = int(sum(flags)), len(flags)
    return {"count": count, "of": n, "share": count / n if n else None,
            "interval": list(wilson(count, n))}  # fmt: skip


def figures(rows: Sequence[ToldRecording]) -> dict[str, Any]:
    """Shares and the confusion table: label -> reported pattern -> number of recordings."""
    healthy = [row for row in rows if row.label.healthy]
    reported = [row for row in healthy if row.pattern != NOT_REPORTED]
    labels = sorted({row.label.conduction for row in rows})
    found: dict[str, Any] = {
        "n_recordings": len(rows), "n_people": len({row.label.patient for row in rows}),
        "in_distribution_share": share([row.like_people for row in healthy]),
        "like_simulations_share": share([row.like_simulations for row in healthy]),
        "founded_share": share([row.founded for row in healthy]),
        "reported_share": share([row.pattern != NOT_REPORTED for row in healthy]),
        "sinus_share_of_reported": share([row.pattern == SINUS for row in reported]),
        "infarct_passed_share": share([row.like_people for row in rows if row.label.infarct]),
        "likely_infarct_passed_share": share(
            [row.like_people for row in rows if row.label.infarct_percent >= LIKELY_PERCENT]
        ),
        "passed_infarcts_percent": sorted(
            row.label.infarct_percent for row in rows if row.label.infarct and row.like_people
        ),
        "paced_passed_share": share(
            [row.like_people for row in rows if row.label.conduction == PACED]
        ),
        "complete_block_passed_share": share(
            [row.like_people for row in rows if row.label.conduction in (LEFT, RIGHT)]
        ),
        "sinus_share_without_block": share(
            [row.label.conduction == SINUS for row in rows if row.pattern == SINUS]
        ),
    }  # fmt: skip
    for pattern, right in RIGHT_OF.items():
        said = [row.label.conduction in right for row in rows if row.pattern == pattern]
        mine = [row.pattern == pattern for row in rows if row.label.conduction == pattern]
        found |= {f"{pattern}_share_right": share(said), f"{pattern}_share_found": share(mine)}
    found["confusion"] = {
        label: {name: sum(row.pattern == name and row.label.conduction == label for row in rows)
                for name in PATTERNS}
        for label in labels
    }  # fmt: skip
    seconds = [row.seconds for row in rows]
    found["seconds"] = {"median": float(np.median(seconds)), "longest": float(np.max(seconds))}
    return found


def main() -> None:
    """Image, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--people", choices=(FIT, TEST), default=FIT)
    parser.add_argument("--model", help="packed imaging model; default: the shipped one")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    model = ImagingModel.load(options.model) if options.model else ImagingModel.load()
    rows, refused = told(read_labelled(options.data, options.people), model)
    found = figures(rows)
    table = [[label, *counts.values()] for label, counts in found["confusion"].items()]
    print(tabulate(table, ["label", *PATTERNS]))
    for name, value in found.items():
        if isinstance(value, dict) and "interval" in value:
            low, high = value["interval"]
            print(f"{name}: {value['count']} of {value['of']} ({low:.0%} to {high:.0%})")
    print(f"refused: {len(refused)}; seconds: {found['seconds']}")
    if options.json:
        write_json(options.json, {"people": options.people, **found, "refused": refused})


if __name__ == "__main__":
    main()
