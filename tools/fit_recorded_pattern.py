"""Fit what labelled recordings of people say of a beat, and write recorded_pattern.json.

Usage: python tools/fit_recorded_pattern.py DATA [--to FILE]

DATA holds `ptb-xl/` and `ludb/`. Only fit people are read (`labelled_recordings`). Every choice is
made by cross-validation in which no person is on both sides: the limit of the distance, the
penalty of the classifier, and the least probability with which a pattern is reported.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from einthoven.app.evaluation.labelled_recordings import (
    FIT,
    LEFT,
    LEFT_PART,
    PACED,
    RIGHT,
    RIGHT_PART,
    SINUS,
    LabelledRecording,
    read_labelled,
)
from einthoven.base.core.files import write_json
from einthoven.base.core.log import track
from einthoven.base.metrics.out_of_distribution import FeatureDistribution
from einthoven.base.metrics.shares import wilson
from einthoven.imaging.model.recorded_features import beat_shape, conduction_shape
from einthoven.imaging.model.recorded_pattern import CLASSES, COMPLETE_MS, OTHER, SHIPPED
from einthoven.physics.ecg.recordings.aligned import (
    AlignedBeat,
    aligned_beat,
    looks_like_fibrillation,
)
from einthoven.physics.ecg.recordings.read import read_recording

CLASS_OF = {SINUS: SINUS, LEFT: LEFT, LEFT_PART: LEFT, RIGHT: RIGHT, RIGHT_PART: RIGHT}
"""Conduction -> class of shape; an incomplete block has the shape of a complete one."""
PASSED = 0.92
"""Share of healthy people's beats below the limit, when others' decided it."""
PRECISION = 0.95
LEAST_REPORTED = 3
"""A pattern that is reported of fewer labelled recordings is not calibrated."""
PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0)
"""Inverse strengths of the L2 penalty."""
CANDIDATES = np.round(np.arange(0.5, 0.96, 0.05), 2)
FOLDS, REPEATS = 5, 4
DIGITS = 6


class FitPeople:
    """Features and labels of the fit people.

    Attributes:
        labels: [beat]. shapes: [beat, 65]. conductions: [beat, 12]. usable: [beat] whether rhythm
        and pacing allow a statement on conduction.
    """

    def __init__(self, labels: Sequence[LabelledRecording], beats: Sequence[AlignedBeat]) -> None:
        self.labels = list(labels)
        self.shapes = np.array([
            beat_shape(b.ecg, b.time, b.delineation, b.rr_ms) for b in beats
        ])  # fmt: skip
        self.conductions = np.array([
            conduction_shape(b.ecg, b.time, b.delineation) for b in beats
        ])  # fmt: skip
        self.usable = np.array([
            label.conduction != PACED and not looks_like_fibrillation(beat.source, beat.delineation)
            for label, beat in zip(labels, beats)
        ])  # fmt: skip

    @property
    def healthy(self) -> np.ndarray:
        """[beat]."""
        return np.array([label.healthy for label in self.labels])

    @property
    def classes(self) -> np.ndarray:
        """[beat] index in CLASSES."""
        names = [CLASS_OF.get(label.conduction, OTHER) for label in self.labels]
        return np.array([CLASSES.index(name) for name in names])

    def folds(self, strata: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Number of the repetition, rows to fit, rows to judge; no person is in both."""
        who = np.array([label.patient for label in self.labels])
        for repeat in range(REPEATS):
            split = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=repeat)
            for fit, judge in split.split(self.shapes, strata, who):
                yield repeat, fit, judge


def healthy_distribution(shapes: np.ndarray) -> FeatureDistribution:
    """Normal distribution of healthy beats [beat, feature], its covariance shrunk (Ledoit-Wolf).

    Features are standardised before it is shrunk. The whitening is upper triangular.
    """
    mean, sd = shapes.mean(axis=0), shapes.std(axis=0)
    covariance = LedoitWolf().fit((shapes - mean) / sd).covariance_
    return FeatureDistribution.of_covariance(mean, covariance * np.outer(sd, sd))


def judged_distances(people: FitPeople) -> np.ndarray:
    """[repeat, beat] distances by distributions that did not see the person."""
    found = np.full((REPEATS, len(people.labels)), np.nan)
    for repeat, fit, judge in people.folds(people.healthy):
        healthy = healthy_distribution(people.shapes[fit][people.healthy[fit]])
        found[repeat, judge] = [healthy.distance(shape) for shape in people.shapes[judge]]
    return found


def fitted_classifier(x: np.ndarray, classes: np.ndarray, penalty: float) -> dict[str, np.ndarray]:
    """Multinomial logistic regression of standardised features: centre, scale, weights, intercepts.

    Args:
        x: [beat, feature]. classes: [beat] index in CLASSES, each of them present.
        penalty: inverse strength of the L2 penalty.
    """
    centre, scale = x.mean(axis=0), x.std(axis=0)
    model = LogisticRegression(C=penalty, max_iter=5000).fit((x - centre) / scale, classes)
    return {"centre": centre, "scale": scale, "weights": model.coef_,
            "intercepts": model.intercept_}  # fmt: skip


def judged_chances(people: FitPeople, penalty: float) -> np.ndarray:
    """[repeat, beat, class] probabilities by classifiers that did not see the person."""
    found = np.full((REPEATS, len(people.labels), len(CLASSES)), np.nan)
    for repeat, fit, judge in people.folds(people.classes):
        fit = fit[people.usable[fit]]
        c = fitted_classifier(people.conductions[fit], people.classes[fit], penalty)
        logits = (people.conductions[judge] - c["centre"]) / c["scale"] @ c["weights"].T
        logits += c["intercepts"]
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        found[repeat, judge] = odds / odds.sum(axis=1, keepdims=True)
    return found


def log_loss(people: FitPeople, chances: np.ndarray) -> float:
    """Mean of minus the logarithm of the true class' probability over usable beats."""
    true = chances[:, np.arange(len(people.labels)), people.classes]
    return float(-np.log(true[:, people.usable]).mean())


def is_right(label: LabelledRecording, pattern: str) -> bool:
    """Whether a reported pattern is that of the label.

    In an incomplete right bundle branch block, and in an incomplete left one, the shape that is
    reported is that of the block. Sinus is right also of an incomplete right one, in which both
    branches conduct.
    """
    right = {SINUS: (SINUS, RIGHT_PART), LEFT: (LEFT, LEFT_PART), RIGHT: (RIGHT, RIGHT_PART)}
    return label.conduction in right[pattern]


def reported(people: FitPeople, chances: np.ndarray, pattern: str, least: float) -> np.ndarray:
    """[beat] whether a pattern would be reported, of mean probabilities [beat, class]."""
    broad = people.conductions[:, 0] >= COMPLETE_MS
    k = CLASSES.index(pattern)
    fits = ~broad if pattern == SINUS else broad
    return people.usable & fits & (chances.argmax(axis=1) == k) & (chances[:, k] >= least)


def threshold(people: FitPeople, chances: np.ndarray, pattern: str) -> dict[str, Any]:
    """Least probability from which on enough reported patterns are right, and how often they are.

    Returns:
        `least` (None: too few are right, or reported), `right`, `reported`, `interval` of Wilson.
    """
    found: dict[str, Any] = {"least": None, "right": 0, "reported": 0, "interval": [0.0, 1.0]}
    for least in CANDIDATES[::-1]:
        rows = np.flatnonzero(reported(people, chances, pattern, least))
        right = sum(is_right(people.labels[k], pattern) for k in rows)
        if len(rows) and right < PRECISION * len(rows):
            break
        if len(rows) >= LEAST_REPORTED:
            found = {"least": float(least), "right": right, "reported": len(rows),
                     "interval": list(wilson(right, len(rows)))}  # fmt: skip
    return found


def fitted(people: FitPeople) -> dict[str, Any]:
    """Content of recorded_pattern.json."""
    distances = judged_distances(people).mean(axis=0)
    limit = float(np.quantile(distances[people.healthy], PASSED))
    healthy = healthy_distribution(people.shapes[people.healthy])
    chances = {penalty: judged_chances(people, penalty) for penalty in PENALTIES}
    penalty = min(PENALTIES, key=lambda p: log_loss(people, chances[p]))
    mean = chances[penalty].mean(axis=0)
    reports = {name: threshold(people, mean, name) for name in (SINUS, LEFT, RIGHT)}
    rows = people.usable
    classifier = fitted_classifier(people.conductions[rows], people.classes[rows], penalty)
    groups = sorted({label.group for label in people.labels})
    passed = {name: _passed(people, distances <= limit, name) for name in groups}
    return {
        "about": {
            "people": len({label.patient for label in people.labels}),
            "recordings": dict(Counter(label.conduction for label in people.labels)),
            "penalty": penalty, "reports": reports, "passed_as_healthy": passed,
        },
        "healthy": {"mean": _rounded(healthy.mean), "limit": round(limit, 4),
                    "whitening": _lower(healthy.whitening.T)},
        "conduction": {name: _rounded(values) for name, values in classifier.items()},
        "thresholds": {name: found["least"] for name, found in reports.items()},
    }  # fmt: skip


def _passed(people: FitPeople, below: np.ndarray, group: str) -> dict[str, Any]:
    rows = np.array([label.group == group for label in people.labels])
    n, passed = int(rows.sum()), int((rows & below).sum())
    return {"passed": passed, "of": n, "interval": list(wilson(passed, n))}


def _rounded(values: np.ndarray) -> Any:
    """Nested list of numbers with DIGITS significant digits."""
    return np.vectorize(lambda x: float(f"{x:.{DIGITS}g}"))(np.asarray(values, float)).tolist()


def _lower(square: np.ndarray) -> list[list[float]]:
    """Rows of the lower triangle."""
    return [_rounded(row[: k + 1]) for k, row in enumerate(square)]


def main() -> None:
    """Fit, print what cross-validation says, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder with ptb-xl/ and ludb/")
    parser.add_argument("--to", type=Path, default=SHIPPED)
    given = parser.parse_args()
    labels = read_labelled(given.data, FIT)
    beats = [aligned_beat(read_recording(label.file)) for label in track(labels, "recordings")]
    found = fitted(FitPeople(labels, beats))
    write_json(given.to, found)
    print(found["about"], found["thresholds"], f"limit {found['healthy']['limit']}", sep="\n")


if __name__ == "__main__":
    main()
