"""Which patients of a block are for training, validation and test."""

from einthoven.core.errors import BadInput


def block_splits(block_size: int, val_per_block: int, test_per_block: int) -> list[str]:
    """Split of each patient of a block, interleaved so that every prefix is nearly balanced.

    Each place goes to the split that lags most behind its share; ties go to train, val, test.

    Raises:
        BadInput: no training patient would be left.
    """
    if val_per_block + test_per_block >= block_size:
        raise BadInput(
            f"val_per_block + test_per_block = {val_per_block + test_per_block} leaves no "
            f"training patient in a block of {block_size}"
        )
    totals = {
        "train": block_size - val_per_block - test_per_block,
        "val": val_per_block,
        "test": test_per_block,
    }
    counts = dict.fromkeys(totals, 0)
    splits = []
    for place in range(1, block_size + 1):
        open_splits = [name for name in totals if counts[name] < totals[name]]
        lag = {name: totals[name] * place / block_size - counts[name] for name in open_splits}
        chosen = max(open_splits, key=lambda name: round(lag[name], 9))
        counts[chosen] += 1
        splits.append(chosen)
    return splits
