"""Classifiers that try to distinguish two groups of people, and the area under their ROC curve.

All that is learned (imputation, scales, principal components) is learned in the training folds
alone. No setting is tuned. The SE of the area is DeLong's (Biometrics 1988, 44:837) with each
person's placement among the other group of the same fold; it holds for the fitted classifiers, and
leaves out that other people would have given other classifiers.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from einthoven.app.evaluation.realism.areas import RocArea, placements
from einthoven.base.core.log import step
from einthoven.base.core.seeds import derive_seed

N_FOLDS, MOST_REPEATS, PEOPLE_PER_RUN = 5, 4, 600
"""Folds; repeats with other folds, fewer of larger groups."""
WEIGHT_L2 = 0.1
"""C of scikit-learn for standardised features: many features and few people."""
N_COMPONENTS = 20
N_TREES = 200


def logistic(n_train: int, seed: int) -> Pipeline:
    """Logistic regression with an L2 penalty on standardised values.

    Args:
        n_train: people of the training folds, unused. seed: unused.
    """
    return make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), _regression())


def forest(n_train: int, seed: int) -> Pipeline:
    """Random forest.

    Args:
        n_train: people of the training folds, unused. seed: of the trees.
    """
    trees = RandomForestClassifier(
        N_TREES, min_samples_leaf=2, class_weight="balanced", random_state=seed % 2**32
    )
    return make_pipeline(SimpleImputer(keep_empty_features=True), trees)


def components(n_train: int, seed: int) -> Pipeline:
    """Logistic regression on principal components of traces.

    Args:
        n_train: people of the training folds, a bound of the components. seed: of the solver.
    """
    pca = PCA(min(N_COMPONENTS, n_train - 1), random_state=seed % 2**32)
    impute = SimpleImputer(strategy="median", keep_empty_features=True)
    return make_pipeline(impute, pca, StandardScaler(), _regression())


def _regression() -> LogisticRegression:
    return LogisticRegression(C=WEIGHT_L2, class_weight="balanced", max_iter=2000)


MODELS: Mapping[str, Callable[[int, int], Pipeline]] = {
    "logistic": logistic,
    "forest": forest,
    "components": components,
}
"""Name -> maker of a classifier from the number of training people and a seed."""


def cross_validated_area(
    ours: np.ndarray,
    theirs: np.ndarray,
    model: str,
    seed: int,
    groups: tuple[Any, Any] | None = None,
    repeats: int | None = None,
) -> RocArea:
    """Area of a classifier for people that it has not seen.

    Args:
        ours, theirs: [person, value]; NaN is replaced by the training folds' mean or median.
        model: name in `MODELS`. seed: of the folds, and of the model.
        groups: patient of each row of both; rows of one patient stay in one fold. None: every row
            is another person.
        repeats: with other folds; None: up to `MOST_REPEATS`, fewer of larger groups.

    Returns:
        The area, the mean over folds and repeats.
    """
    values = np.concatenate([ours, theirs])
    labels = np.repeat([1, 0], [len(ours), len(theirs)])
    patients = None if groups is None else np.concatenate(groups)
    # the folds of groups are slow for thousands
    split = StratifiedKFold if groups is None else StratifiedGroupKFold
    repeats = repeats or int(np.clip(PEOPLE_PER_RUN // len(values), 1, MOST_REPEATS))
    placed = np.zeros((repeats, len(values)))
    for repeat in range(repeats):
        step(f"cross-validation, {model}, {repeat + 1} of {repeats}")
        drawn = derive_seed(seed, model, repeat)
        folds = split(N_FOLDS, shuffle=True, random_state=drawn % 2**32)
        for train, test in folds.split(values, labels, patients):
            fitted = MODELS[model](len(train), drawn).fit(values[train], labels[train])
            scores = fitted.predict_proba(values[test])[:, 1]
            placed[repeat, test] = placements(scores, labels[test])
    mean = np.nanmean(placed, axis=0)
    sides = [side[np.isfinite(side)] for side in (mean[labels == 1], mean[labels == 0])]
    variance = sum(side.var(ddof=1) / len(side) for side in sides)
    return RocArea(float(sides[0].mean()), float(np.sqrt(variance)), (len(ours), len(theirs)))
