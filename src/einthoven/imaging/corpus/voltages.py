"""Transmembrane potentials at the recording points, from activation times and durations."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from einthoven.imaging.corpus.corpus import N_TIMES
from einthoven.physics.electrophysiology.cells.condition import Condition
from einthoven.physics.electrophysiology.cells.family import family
from einthoven.physics.electrophysiology.cells.front import added_by_coupling, wave_times
from einthoven.physics.electrophysiology.cells.template import ECG_STEP_MS, potential


def traces(
    activation_time: np.ndarray, apd90: np.ndarray, conditions: Sequence[Condition]
) -> np.ndarray:
    """The transmembrane potential of cells by when they are activated and how long they last.

    The upstroke is that of a travelling wave (`electrophysiology.cells.front`). A duration beyond
    the family's is that of its nearest member.

    Args:
        activation_time: [beat, point] ms. apd90: [beat, point] ms.
        conditions: [beat] what each beats under.

    Returns:
        [beat, point, 500] mV float32, at 0, 1, ... ms.
    """
    found = np.empty((*np.shape(activation_time), N_TIMES), np.float32)
    every_ms = round(1.0 / ECG_STEP_MS) * np.arange(N_TIMES)
    for v_m, tau, duration, condition in zip(found, activation_time, apd90, conditions):
        known = family(condition).apd90
        shorter, share = family(condition).between(np.clip(duration, known[0], known[-1]))
        table, first = _members(condition)
        begin = -tau.astype(float) / ECG_STEP_MS - first
        whole = np.floor(begin)
        sample = np.clip(whole.astype(int)[:, None] + every_ms, 0, table.shape[1] - 2)
        sample += shorter[:, None] * table.shape[1]
        later = begin - whole  # share of a table's step, the same at every millisecond
        v_m[:] = sum(
            (of_member * of_sample).astype(np.float32)[:, None] * table.ravel().take(sample + step)
            for row, of_member in ((0, 1 - share), (table.shape[1], share))
            for step, of_sample in ((row, 1 - later), (row + 1, later))
        )
    return found


@lru_cache
def _members(condition: Condition) -> tuple[np.ndarray, int]:
    """Potentials [member, sample] mV every `ECG_STEP_MS`, and the step at which they begin."""
    time = wave_times(ECG_STEP_MS)
    front = added_by_coupling(time, condition)
    values = np.array([potential(time, v_m) + front for v_m in family(condition).v_m])
    return values.astype(np.float32), round(time[0] / ECG_STEP_MS)
