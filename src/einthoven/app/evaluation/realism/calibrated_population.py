"""A calibrated population: of each patient's candidates the one that people's ECGs speak for.

Populations of models are calibrated by keeping those that lie within the range of recordings
(Britton 2013, doi:10.1073/pnas.1304382110). So does a candidate here: no more of its features than
people's own may lie outside. Those of each anatomy that are left are weighted, so that all chosen
ones together are distributed like people: the weights are ratios of densities, which a logistic
classifier of weighted candidates against people estimates, round by round (Sugiyama 2012, Density
Ratio Estimation in Machine Learning, ch. 4). One candidate is drawn by its weight.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from einthoven.app.evaluation.realism.candidates import Candidates
from einthoven.app.evaluation.realism.differences import difference, median_abs_smd
from einthoven.app.evaluation.realism.groups import wave_of
from einthoven.app.evaluation.realism.people import PeopleEcgs
from einthoven.base.core.errors import BadInput
from einthoven.base.core.seeds import generator

ROUNDS, RATE, WEIGHT_L2 = 12, 0.7, 0.05
"""Rounds, share of a round's log-ratio that counts, and C of scikit-learn: chosen on halves of the
people of the fit (docs/studies/2026-11-25-calibrated-population.md)."""
RANGE = (0.01, 0.99)
"""Quantiles of people within which a feature is ordinary."""
ORDINARY, LEAST_LEFT = 0.9, 5
"""A candidate may have no larger a share of other features than this share of the people have; so
many of the most ordinary candidates of a patient stay in any case."""
LEAST_MEASURED = 0.5
"""Least share of both groups in which a feature is measured."""


class Calibrated(NamedTuple):
    """Draws of a population, and their features."""

    draws: dict[str, int]
    """Patient -> number of its draw."""
    before: np.ndarray
    """[patient, feature] of the draws that the patients had, and below of those chosen."""
    after: np.ndarray
    effective: np.ndarray
    """[patient] effective number of candidates, 1 / sum of squared weights: 1 if one has all."""


def calibrated(candidates: Sequence[Candidates], people: PeopleEcgs, seed: int) -> Calibrated:
    """Choose a draw for each patient.

    Args:
        candidates: of all patients. people: recorded ones, with the same features.
        seed: of the choice; each patient has its own generator.

    Raises:
        BadInput: no beat of a patient could be measured.
    """
    features = np.concatenate([one.features for one in candidates])
    patient = np.repeat(np.arange(len(candidates)), [len(one.features) for one in candidates])
    draw = np.concatenate([np.arange(len(one.features)) for one in candidates])
    usable = np.isfinite(features).any(axis=1)
    for number, one in enumerate(candidates):
        if not usable[patient == number].any():
            raise BadInput(f"{one.patient}: no beat of its candidates could be measured")
    seen, weights = _compared(features[usable], people), np.zeros(len(features))
    usable &= ordinary(features[:, seen], np.where(usable, patient, -1), people.features[:, seen])
    weights[usable] = candidate_weights(
        features[usable][:, seen], patient[usable], people.features[:, seen]
    )
    chosen, effective = np.zeros(len(candidates), int), np.zeros(len(candidates))
    for number, one in enumerate(candidates):
        rows = np.flatnonzero(patient == number)
        rng = generator(seed, one.patient, "calibrated")
        chosen[number] = rng.choice(rows, p=weights[rows])
        effective[number] = 1.0 / np.square(weights[rows]).sum()
    draws = {one.patient: int(draw[row]) for one, row in zip(candidates, chosen)}
    before = np.array([one.features[one.own] for one in candidates])
    return Calibrated(draws, before, features[chosen], effective)


def median_difference(features: np.ndarray, people: PeopleEcgs) -> float:
    """Median over features of the standardised difference of patients [patient, feature]."""
    both = [np.isfinite(side).sum(axis=0) > 1 for side in (features, people.features)]
    return median_abs_smd([
        difference(name, features[:, k], people.features[:, k])
        for k, name in enumerate(people.feature_names) if both[0][k] and both[1][k]
    ])  # fmt: skip


def _compared(features: np.ndarray, people: PeopleEcgs) -> np.ndarray:
    """[feature] whether the classifier sees it: measured in most, and changed by a draw.

    No draw changes the P wave.
    """
    ventricular = np.array([wave_of(name) != "P" for name in people.feature_names])
    found = [np.isfinite(group).mean(axis=0) >= LEAST_MEASURED
             for group in (features, people.features)]  # fmt: skip
    compared: np.ndarray = ventricular & found[0] & found[1]
    return compared


def ordinary(features: np.ndarray, patient: np.ndarray, people: np.ndarray) -> np.ndarray:
    """[candidate] whether its features lie within the range of people as often as theirs.

    Args:
        features: [candidate, feature]. patient: [candidate] number of its patient.
        people: [person, feature].
    """
    low, high = np.nanquantile(people, RANGE, axis=0)
    outside, theirs = (
        ((group < low) | (group > high)).mean(axis=1) for group in (features, people)
    )
    kept: np.ndarray = outside <= np.quantile(theirs, ORDINARY)
    for number in np.unique(patient):
        rows = np.flatnonzero(patient == number)
        kept[rows[np.argsort(outside[rows], kind="stable")[:LEAST_LEFT]]] = True
    return kept


def candidate_weights(features: np.ndarray, patient: np.ndarray, people: np.ndarray) -> np.ndarray:
    """Weights of candidates, of sum 1 for each patient, with which they are like people.

    Args:
        features: [candidate, feature]. patient: [candidate] number of its patient.
        people: [person, feature].
    """
    both = np.concatenate([features, people])
    is_person = np.repeat([0, 1], [len(features), len(people)])
    log_ratio = np.zeros(len(features))
    for _ in range(ROUNDS):
        weights = _normalised(log_ratio, patient)
        shares = np.concatenate([weights * len(people) / weights.sum(), np.ones(len(people))])
        model = make_pipeline(
            SimpleImputer(), StandardScaler(), LogisticRegression(C=WEIGHT_L2, max_iter=2000)
        )
        model.fit(both, is_person, logisticregression__sample_weight=shares)
        log_ratio += RATE * model.decision_function(features)
    return _normalised(log_ratio, patient)


def _normalised(log_ratio: np.ndarray, patient: np.ndarray) -> np.ndarray:
    weights = np.zeros(len(log_ratio))
    for number in np.unique(patient):
        rows = patient == number
        ratio = np.exp(log_ratio[rows] - log_ratio[rows].max())
        weights[rows] = ratio / ratio.sum()
    return weights
