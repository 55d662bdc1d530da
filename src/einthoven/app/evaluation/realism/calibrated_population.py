"""A calibrated population: the bodies and the physiologies that people's ECGs speak for.

Populations of models are calibrated by keeping those that lie within the range of recordings
(Britton 2013, doi:10.1073/pnas.1304382110). So does a candidate here: no more of its features than
people's own may lie outside. Those of each anatomy that are left are weighted, so that all chosen
ones together are distributed like people: the weights are ratios of densities, which a logistic
classifier of weighted candidates against people estimates, round by round (Sugiyama 2012, Density
Ratio Estimation in Machine Learning, ch. 4). One candidate is drawn by its weight.

Bodies are chosen, too, if fewer than all are to be kept: a body is kept with a probability that its
candidates' weights give, at most 1, and systematic sampling keeps as many as asked for (Madow 1949,
On the Theory of Systematic Sampling, II).

Draws differ by chance. Of several the one is taken that a classifier distinguishes least from
people (Fuller 2009, Some Design Properties of a Rejective Sampling Procedure).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from scipy.special import logsumexp
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from einthoven.app.evaluation.realism.candidates import Candidates
from einthoven.app.evaluation.realism.classifiers import cross_validated_area
from einthoven.app.evaluation.realism.differences import difference, median_abs_smd
from einthoven.app.evaluation.realism.groups import wave_of
from einthoven.app.evaluation.realism.people import PeopleEcgs
from einthoven.base.core.errors import BadInput
from einthoven.base.core.log import track
from einthoven.base.core.seeds import generator

ROUNDS, RATE, WEIGHT_L2 = 12, 0.7, 0.05
"""Rounds, share of a round's log-ratio that counts, and C of scikit-learn: chosen on halves of the
people of the fit (docs/studies/2026-11-25-calibrated-population.md)."""
RANGE = (0.01, 0.99)
"""Quantiles of people within which a feature is ordinary."""
ORDINARY, LEAST_LEFT = 0.9, 5
"""A candidate may have no larger a share of other features than this share of the people have; so
many of the most ordinary candidates of a patient stay in any case."""
TINY = np.finfo(float).tiny
TRIES, REPEATS = 40, 2
"""Draws of which the best is taken, and repeats of the cross-validation that judges each."""
LEAST_MEASURED = 0.5
"""Least share of both groups in which a feature is measured."""


class Calibrated(NamedTuple):
    """Draws of a population, and their features."""

    draws: dict[str, int | None]
    """Patient -> number of its draw, None for a body that is left out."""
    before: np.ndarray
    """[patient, feature] of the draws that all patients had."""
    after: np.ndarray
    """[kept patient, feature] of the draws chosen."""
    effective: np.ndarray
    """[kept patient] effective number of candidates, 1 / sum of squared weights: 1 if one has
    all."""


@dataclass(frozen=True, eq=False)
class Kept:
    """Number of patients that are kept of each group.

    Attributes:
        group: [patient] number of its group, such as its split.
        n: [group] patients to keep.
    """

    group: np.ndarray
    n: np.ndarray

    @classmethod
    def all_of(cls, n_patients: int) -> Self:
        """Everybody is kept."""
        return cls(np.arange(n_patients), np.ones(n_patients, int))

    @classmethod
    def share(cls, groups: Sequence[str], n: int) -> Self:
        """Keep `n` patients, of each group the same share.

        Raises:
            BadInput: more than there are, or fewer than groups.
        """
        names, group, counts = np.unique(groups, return_inverse=True, return_counts=True)
        if not len(names) <= n <= len(groups):
            raise BadInput(
                f"{n} of {len(groups)} patients cannot be kept; from {len(names)} (one of each "
                f"of {', '.join(names)}) to all"
            )
        wanted = counts * n / len(groups)
        kept = np.maximum(wanted.astype(int), 1)
        while kept.sum() < n:
            kept[np.argmax(np.where(kept < counts, wanted - kept, -np.inf))] += 1
        while kept.sum() > n:
            kept[np.argmin(np.where(kept > 1, wanted - kept, np.inf))] -= 1
        return cls(group, kept)

    @classmethod
    def of_run(cls, splits: Mapping[str, str], patients: Sequence[str], n: int) -> Self:
        """Keep `n` of a run's patients, of each split the same share.

        Args:
            splits: virtual patient of the run's config -> its split. patients: those with ECGs.

        Raises:
            BadInput: as `share`, or a patient is none of the config's.
        """
        if others := [name for name in patients if name not in splits]:
            raise BadInput(
                f"{', '.join(others)}: no virtual patient of this config, which could be kept; "
                "is it another run's config, or are these folders of an earlier one?"
            )
        return cls.share([splits[name] for name in patients], n)

    def weights(self, log_ratio: np.ndarray, patient: np.ndarray) -> np.ndarray:
        """Weights [candidate] with a sum for each patient, the probability that it is kept.

        Args:
            log_ratio: [candidate]. patient: [candidate] number of its patient.
        """
        weights = np.zeros(len(log_ratio))
        rows = [np.flatnonzero(patient == number) for number in range(len(self.group))]
        mass = np.array([logsumexp(log_ratio[own]) if len(own) else -np.inf for own in rows])
        for group, n in enumerate(self.n):
            members = np.flatnonzero(self.group == group)
            share = inclusion(np.exp(mass[members] - mass[members].max()), int(n))
            for number, kept in zip(members, share):
                own = rows[number]
                weights[own] = kept * np.exp(log_ratio[own] - mass[number])
        return weights

    def drawn(self, probability: np.ndarray, seeds: tuple[int, ...]) -> np.ndarray:
        """Patients, ascending, drawn by their probabilities [patient]."""
        kept = list[int]()
        for group in range(len(self.n)):
            members = np.flatnonzero(self.group == group)
            start = generator(*seeds, "kept", group).random()
            ends = np.cumsum(probability[members])
            marks = start + np.arange(self.n[group])
            kept += members[np.searchsorted(ends, np.minimum(marks, ends[-1]))].tolist()
        return np.sort(np.array(kept, int))


def inclusion(mass: np.ndarray, n: int) -> np.ndarray:
    """Probabilities [patient] of sum `n` in proportion to the masses, none above 1.

    Raises:
        BadInput: fewer than `n` patients have a mass.
    """
    if np.count_nonzero(mass) < n:
        raise BadInput(f"{n} patients to keep, but people's ECGs speak for fewer")
    sure = np.zeros(len(mass), bool)
    while True:
        share = np.where(sure, 1.0, mass * (n - sure.sum()) / max(mass[~sure].sum(), TINY))
        if not (above := ~sure & (share > 1.0)).any():
            return share
        sure |= above


def calibrated(
    candidates: Sequence[Candidates], people: PeopleEcgs, seed: int, kept: Kept | None = None
) -> Calibrated:
    """Choose a draw for each patient that is kept.

    Args:
        candidates: of all patients. people: recorded ones, with the same features.
        seed: of the choice.
        kept: how many patients are kept; None: all.

    Raises:
        BadInput: no beat of a patient could be measured, or fewer than wanted can be kept.
    """
    kept = kept or Kept.all_of(len(candidates))
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
        features[usable][:, seen], patient[usable], people.features[:, seen], kept
    )
    names = [one.patient for one in candidates]
    tried = [_drawn(names, patient, weights, kept, (seed, k)) for k in range(TRIES)]
    theirs = people.features[:, seen]
    areas = [
        cross_validated_area(features[rows][:, seen], theirs, "logistic", seed, repeats=REPEATS).auc
        for rows in track(tried, "choices")
    ]
    chosen = tried[int(np.argmin(np.abs(np.array(areas) - 0.5)))]  # 0.5: no better than chance
    draws = dict.fromkeys(names) | {names[patient[row]]: int(draw[row]) for row in chosen}
    share = weights / np.maximum(np.bincount(patient, weights), TINY)[patient]
    effective = 1.0 / np.bincount(patient, share**2)[patient[chosen]]
    before = np.array([one.features[one.own] for one in candidates])
    return Calibrated(draws, before, features[chosen], effective)


def _drawn(
    names: Sequence[str],
    patient: np.ndarray,
    weights: np.ndarray,
    kept: Kept,
    seeds: tuple[int, int],
) -> np.ndarray:
    """Candidates drawn by their weights: one of each patient that is kept."""
    chosen = list[int]()
    for number in kept.drawn(np.bincount(patient, weights), seeds):
        rows = np.flatnonzero(patient == number)
        own = weights[rows] / weights[rows].sum()
        chosen.append(int(generator(*seeds, names[number], "calibrated").choice(rows, p=own)))
    return np.array(chosen, int)


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


def candidate_weights(
    features: np.ndarray, patient: np.ndarray, people: np.ndarray, kept: Kept
) -> np.ndarray:
    """Weights of candidates with which they are like people; their sum as `Kept.weights`.

    Args:
        features: [candidate, feature]. patient: [candidate] number of its patient.
        people: [person, feature].
    """
    both = np.concatenate([features, people])
    is_person = np.repeat([0, 1], [len(features), len(people)])
    log_ratio = np.zeros(len(features))
    for _ in range(ROUNDS):
        weights = kept.weights(log_ratio, patient)
        shares = np.concatenate([weights * len(people) / weights.sum(), np.ones(len(people))])
        model = make_pipeline(
            SimpleImputer(), StandardScaler(), LogisticRegression(C=WEIGHT_L2, max_iter=2000)
        )
        model.fit(both, is_person, logisticregression__sample_weight=shares)
        log_ratio += RATE * model.decision_function(features)
    return kept.weights(log_ratio, patient)
