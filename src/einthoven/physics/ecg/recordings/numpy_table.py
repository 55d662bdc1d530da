"""NumPy files of twelve leads."""

from pathlib import Path

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.recordings.recording import NOTHING_DECLARED, Declared, Recording


def read_npy(path: str | Path, declared: Declared = NOTHING_DECLARED) -> Recording:
    """Read leads I, II, III, aVR, aVL, aVF, V1 to V6, in this order.

    Args:
        path: an array [12, time] or [time, 12] of numbers.
        declared: the rate, which the file cannot state; the unit.

    Raises:
        BadInput: no such array, both dimensions are 12, or no rate.
    """
    path = Path(path)
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BadInput(f"{path}: cannot be read as a NumPy array ({error})") from error
    n_leads = len(LEADS)
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        raise BadInput(f"{path}: not an array of numbers; save it with numpy.save")
    if values.ndim != 2 or n_leads not in values.shape or values.shape == (n_leads, n_leads):
        raise BadInput(f"{path}: shape {values.shape}, expected (12, time) or (time, 12)")
    if declared.rate_hz is None:
        raise BadInput(f"{path}: an array has no sampling rate; give it with --rate-hz")
    rows = values if len(values) == n_leads else values.T
    leads = dict(zip(LEADS, rows / declared.per_mv(None, str(path))))
    return Recording.of_leads(path, leads, declared.rate_hz)
