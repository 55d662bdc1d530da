"""The nearest training beat: the floor that any network that images from the ECG must beat."""

from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from einthoven.base.config.imaging import ImagingTrainingSettings
from einthoven.base.core.names import INDEPENDENT_ROWS
from einthoven.imaging.corpus.corpus import Corpus
from einthoven.imaging.corpus.splits import SPLITS, Split, Tested
from einthoven.imaging.networks.imaging_network import MapPrediction
from einthoven.imaging.networks.scores import Errors

EVERY_MS = 4
"""Milliseconds between the samples that are compared."""
AT_ONCE = 256
"""Number of beats whose V_m is in memory."""
NAMES = ("anatomy", "pattern")
"""Splits without another forward model."""


def nearest_figures(corpus: Corpus, config: ImagingTrainingSettings) -> dict[str, Any]:
    """Errors of the nearest beat on all tests of the splits by anatomy and by pattern.

    Returns:
        test -> numbers of `MapScores`; `each-pattern`: the mean over all patterns, each left out.

    Raises:
        BadInput: the corpus lacks the forward model or the pattern.
    """
    found: dict[str, Any] = {}
    for name in NAMES:
        if name in config.splits:
            split = SPLITS[name](corpus, config)
            for test, tested in split.tests.items():
                errors = nearest_errors(corpus, split, tested)
                found[test] = errors.scores().to_json() | {"n_simulations": len(split.train)}
    if "pattern" in config.splits:
        found["each-pattern"] = {"at_error_ms": float(np.mean(_each_pattern(corpus, config)))}
    return found


def _each_pattern(corpus: Corpus, config: ImagingTrainingSettings) -> list[float]:
    """Error of each pattern on hearts of the training, if all its beats are left out of it."""
    errors = []
    for pattern in np.unique(corpus.pattern):
        of_it = config.model_copy(update={"left_out_pattern": str(pattern)})
        split = SPLITS["pattern"](corpus, of_it)
        if test := split.tests.get("pattern"):
            near = nearest_rows(corpus, split, test)
            off = np.abs(corpus.activation_time[near] - corpus.activation_time[test.rows])
            errors.append(float(off.mean()))
    return errors


def nearest_rows(corpus: Corpus, split: Split, test: Tested) -> np.ndarray:
    """Row of the training beat whose ECG is nearest to that of each test beat.

    The distance is Euclidean over the eight independent leads in mV, every `EVERY_MS`.
    """
    known, asked = (
        corpus.ecg(forward)[rows][:, INDEPENDENT_ROWS, ::EVERY_MS].reshape(len(rows), -1)
        for forward, rows in ((split.forward, split.train), (test.forward, test.rows))
    )
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(known)
    return split.train[search.kneighbors(asked, return_distance=False)[:, 0]]


def nearest_errors(corpus: Corpus, split: Split, test: Tested) -> Errors:
    """Errors of the nearest beats' times, durations and V_m."""
    near, parts = nearest_rows(corpus, split, test), []
    for start in range(0, len(near), AT_ONCE):
        pair = (near[start : start + AT_ONCE], test.rows[start : start + AT_ONCE])
        found, truth = (
            MapPrediction(corpus.activation_time[rows], corpus.apd90[rows], corpus.v_m(rows))
            for rows in pair
        )
        parts.append(Errors.of(found, truth))
    return Errors.joined(parts)
