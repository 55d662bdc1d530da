"""Splits of a corpus: at random, as Landajuela 2022, and by anatomy, pattern or forward model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from einthoven.base.config.imaging import ImagingTrainingSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.seeds import generator
from einthoven.imaging.corpus.corpus import Corpus, EcgOrigin

KEPT = 0.05
"""Share of the beats that the random split keeps for testing, as Landajuela 2022."""


@dataclass(frozen=True)
class Tested:
    """Beats on which a network is tested."""

    rows: np.ndarray
    """Rows of the corpus."""
    forward: str
    """Forward model of their ECGs."""
    caption: str
    """Number of beats and hearts, words after "tested on"."""


@dataclass(frozen=True)
class Split:
    """Rows of a corpus for training, validation and tests."""

    train: np.ndarray
    val: np.ndarray
    """Rows; `val` only appears in the curve, and selects nothing."""
    forward: str
    """Forward model of the ECGs of both."""
    caption: str
    """Words after "trained on"."""
    tests: Mapping[str, Tested]
    """Name of a row of the table -> its beats; `random` are beats of training hearts."""


def _halves(corpus: Corpus, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the training hearts: 95 % and 5 % of the beats at random."""
    rows = np.flatnonzero(corpus.split == "train")
    if len(rows) < 2:
        raise BadInput(f"corpus: {len(rows)} beats of split train; at least two")
    order = generator(seed, "imaging", "random").permutation(rows)
    n = max(1, round(KEPT * len(rows)))
    return np.sort(order[n:]), np.sort(order[:n])


def _hearts(corpus: Corpus, rows: np.ndarray) -> str:
    n = len(np.unique(corpus.patient[rows]))
    return f"{len(rows)} beats of {n} heart{'s' * (n > 1)}"


def _rows_of(corpus: Corpus, split: str) -> np.ndarray:
    return np.flatnonzero(corpus.split == split)


def by_anatomy(corpus: Corpus, config: ImagingTrainingSettings) -> Split:
    """Split for 95 % of the training hearts' beats; tests: the other 5 % (random), test hearts.

    The random test differs from that of Landajuela 2022 in the number of hearts only.
    """
    train, kept = _halves(corpus, config.seed)
    test, forward = _rows_of(corpus, "test"), config.forward
    return Split(
        train, _rows_of(corpus, "val"), forward, f"{_hearts(corpus, train)} ({forward})",
        {
            "random": Tested(kept, forward, f"{_hearts(corpus, kept)} of the training"),
            "anatomy": Tested(test, forward, f"{_hearts(corpus, test)} never seen"),
        },
    )  # fmt: skip


def by_pattern(corpus: Corpus, config: ImagingTrainingSettings) -> Split:
    """Split without one activation pattern in training; tests: that pattern in all hearts.

    Raises:
        BadInput: no beat has the pattern.
    """
    pattern = config.left_out_pattern
    left_out = corpus.pattern == pattern
    if not left_out.any() or left_out.all():
        known = ", ".join(np.unique(corpus.pattern))
        raise BadInput(f"imaging_training.left_out_pattern = {pattern!r}: no beat, or no other, "
                       f"has it; the corpus has {known}")  # fmt: skip
    train, _ = _halves(corpus, config.seed)
    train, val = (rows[~left_out[rows]] for rows in (train, _rows_of(corpus, "val")))
    forward = config.forward
    tests = {
        f"pattern{name}": Tested(rows, forward, f"{_hearts(corpus, rows)}, all {pattern}{words}")
        for name, split, words in (("", "train", ", hearts of the training"),
                                   ("-and-anatomy", "test", ", hearts never seen"))
        if len(rows := np.flatnonzero(left_out & (corpus.split == split)))
    }  # fmt: skip
    caption = f"{_hearts(corpus, train)} ({forward}), none {pattern}"
    return Split(train, val, forward, caption, tests)


def by_forward_model(corpus: Corpus, config: ImagingTrainingSettings) -> Split:
    """Split for the pseudo-ECG in training and the ECG of finite elements in tests.

    Raises:
        BadInput: the corpus lacks one of the two.
    """
    for forward in ("pseudo", "fem"):
        corpus.ecg(forward)
    train, kept = _halves(corpus, config.seed)
    test = _rows_of(corpus, "test")
    return Split(
        train, _rows_of(corpus, "val"), "pseudo", f"{_hearts(corpus, train)} (pseudo)",
        {
            "pseudo-to-fem": Tested(kept, "fem", f"{_hearts(corpus, kept)} of the training (fem)"),
            "pseudo-to-pseudo": Tested(kept, "pseudo", "the same beats (pseudo)"),
            "pseudo-to-fem-and-anatomy": Tested(
                test, "fem", f"{_hearts(corpus, test)} never seen (fem)"
            ),
        },
    )  # fmt: skip


def by_recording(corpus: Corpus, config: ImagingTrainingSettings) -> Split:
    """Split by anatomy, with ECGs from the QRS onset: the first activation is unknown."""
    forward, split = str(EcgOrigin(config.forward, is_onset=True)), by_anatomy(corpus, config)
    has_onset = np.isfinite(corpus.recorded(config.forward).delay)
    train, val, test = (
        rows[has_onset[rows]] for rows in (split.train, split.val, split.tests["anatomy"].rows)
    )
    words = f"{_hearts(corpus, test)} never seen, from the QRS onset"
    return Split(train, val, forward, f"{_hearts(corpus, train)} ({forward})",
                 {"recorded": Tested(test, forward, words)})  # fmt: skip


SPLITS: dict[str, Callable[[Corpus, ImagingTrainingSettings], Split]] = {
    "anatomy": by_anatomy,
    "pattern": by_pattern,
    "forward-model": by_forward_model,
    "recorded": by_recording,
}


def of_few_hearts(corpus: Corpus, split: Split, n: int) -> Split:
    """The same test after training on the first `n` hearts: a point of the learning curve.

    Raises:
        BadInput: there are fewer hearts.
    """
    hearts = np.unique(corpus.patient[split.train])
    if n > len(hearts):
        raise BadInput(f"imaging_training.curve_anatomies: {n}, but the corpus trains on "
                       f"{len(hearts)} hearts")  # fmt: skip
    train = split.train[np.isin(corpus.patient[split.train], hearts[:n])]
    tests = {name: test for name, test in split.tests.items() if name == "anatomy"}
    return Split(train, split.val, split.forward, f"{_hearts(corpus, train)} ({split.forward})",
                 tests)  # fmt: skip
