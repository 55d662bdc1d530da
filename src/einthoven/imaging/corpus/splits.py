"""What is trained on what: the paper's random split, and honest ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from einthoven.base.config.imaging_training import ImagingTrainingSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.seeds import generator
from einthoven.imaging.corpus.corpus import Corpus, EcgOrigin

KEPT = 0.05
"""Share of the beats that the random split keeps for testing, as the paper."""


@dataclass(frozen=True)
class Tested:
    """Beats on which a network is tested, and in whose words.

    Attributes:
        rows: of the corpus.
        forward: forward model of their ECGs.
        caption: which beats of which hearts, to complete "tested on".
    """

    rows: np.ndarray
    forward: str
    caption: str


@dataclass(frozen=True)
class Split:
    """Rows of a corpus to train on, to watch, and to test on.

    Attributes:
        train, val: rows; nothing is chosen on `val`, whose error is in the curve.
        forward: forward model of the ECGs of both.
        caption: to complete "trained on".
        tests: name of a row of the table -> its beats; `random` are beats of training hearts.
    """

    train: np.ndarray
    val: np.ndarray
    forward: str
    caption: str
    tests: Mapping[str, Tested]


def _halves(corpus: Corpus, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the training hearts: 95 % and 5 % of the beats at random, as in the paper."""
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
    """Trained on 95 % of the beats of the training hearts; random: the rest; anatomy: test hearts.

    One training serves both, and the random split is harder than the paper's only in that its
    hearts are as many as there are.
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
    """Without one pattern of activation in training: tested on it, in hearts seen and unseen.

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
    """Trained on the pseudo-ECG of the paper, tested on the ECG of finite elements.

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
    """By anatomy, and of ECGs that count from the QRS onset: the first activation is not known."""
    forward, split = str(EcgOrigin(config.forward, is_onset=True)), by_anatomy(corpus, config)
    told = np.isfinite(corpus.recorded(config.forward).delay)
    train, val, test = (
        rows[told[rows]] for rows in (split.train, split.val, split.tests["anatomy"].rows)
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
    """The same tests after training on the first `n` hearts: one point of the learning curve.

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
