"""Split of the patients of a block into training, validation and test."""

from einthoven.base.config.models import CohortSettings


def block_splits(config: CohortSettings) -> list[str]:
    """Split of each patient of a block, interleaved so that every prefix is nearly balanced.

    Each patient goes to the split that lags most behind its share; ties go to train, val, test.
    """
    val, test, size = config.val_per_block, config.test_per_block, config.block_size
    totals = {"train": size - val - test, "val": val, "test": test}
    counts = dict.fromkeys(totals, 0)
    splits = []
    for place in range(1, size + 1):
        open_splits = [name for name in totals if counts[name] < totals[name]]
        lag = {name: totals[name] * place / size - counts[name] for name in open_splits}
        chosen = max(open_splits, key=lambda name: round(lag[name], 9))
        counts[chosen] += 1
        splits.append(chosen)
    return splits
