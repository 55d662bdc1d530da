"""Training beats of infarct networks: simulated ones, and simulated scars in recorded beats.

A network that has seen simulated beats alone takes what simulations lack for disease. So a part of
the beats may be recorded ones of healthy people: as they are, or with the change that a scar makes
in a simulated heart (`InfarctPairs.scarred` less `healthy`) added to them.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from einthoven.base.core import check
from einthoven.imaging.corpus.corpus import N_TIMES
from einthoven.imaging.infarct.infarct_network import INVOLVED, InfarctTargets
from einthoven.imaging.infarct.pairs import InfarctPairs
from einthoven.imaging.inputs.onsets import LEAD_IN_MS, ONSET_SD_MS, as_recorded, onset_delays

EARLIER_MS = 40
"""A scar may move the QRS onset by at most so much."""
GAINS = (0.7, 1.6)
"""Range of the factor on a scar's change: recorded QRS complexes are larger than simulated ones."""
LEAST_SHARE = 0.5
"""Least share of the first of two healthy people whose mixed beat is a background."""


@dataclass(frozen=True, eq=False)
class TrainingBeats:
    """Beats of which batches are drawn.

    Attributes:
        pairs: those with a QRS onset without and with the scar.
        ecg: [beat, 12, 500] mV from `LEAD_IN_MS` before the QRS onset.
        truth: of them.
        change: [pair, 12, 540] mV, scarred less healthy, from 40 ms earlier.
        changed: [pair] index of the scarred beat in `ecg`.
        backgrounds: [person, 12, 500] mV, recorded, as `ecg`; none: simulated beats alone.
    """

    pairs: InfarctPairs
    ecg: np.ndarray
    truth: InfarctTargets
    change: np.ndarray
    changed: np.ndarray
    backgrounds: np.ndarray

    @classmethod
    def of(cls, pairs: InfarctPairs, backgrounds: np.ndarray | None = None) -> Self:
        """Beats of pairs that have a QRS onset; changes are those of sinus beats.

        Raises:
            BadInput: recorded beats of another shape, or with NaN.
        """
        none = np.zeros((0, 12, N_TIMES), np.float32)
        given = none if backgrounds is None else np.asarray(backgrounds, np.float32)
        check.finite("backgrounds", check.shape("backgrounds", given, (None, 12, N_TIMES)))
        healthy, scarred = as_recorded(pairs.healthy), as_recorded(pairs.scarred)
        both = np.isfinite(healthy.delay) & np.isfinite(scarred.delay)
        kept, n = pairs.rows(both), int(both.sum())
        truth = targets(kept)
        sinus = kept.pattern == "sinus"
        start = np.rint(healthy.delay[both][sinus] - LEAD_IN_MS - EARLIER_MS).astype(int)
        sample = (np.arange(N_TIMES + EARLIER_MS) + start[:, None]).clip(0, N_TIMES - 1)
        change = (kept.scarred - kept.healthy)[sinus]
        return cls(
            kept, np.concatenate([healthy.ecg[both], scarred.ecg[both]]).astype(np.float32),
            InfarctTargets(*(torch.cat([torch.zeros_like(x), x]) for x in truth)),
            np.take_along_axis(change, sample[:, None], axis=2), n + np.flatnonzero(sinus), given,
        )  # fmt: skip

    def simulated(self, rows: np.ndarray) -> tuple[Tensor, InfarctTargets]:
        """Some simulated beats."""
        return torch.as_tensor(self.ecg[rows]), _taken(self.truth, rows)

    def recorded(self, n: int, rng: np.random.Generator) -> tuple[Tensor, InfarctTargets]:
        """`n` healthy recorded beats, and `n` with the change of a scar; without an onset: fewer.

        A background is a mixture of the beats of two people.
        """
        rows = rng.integers(len(self.change), size=n)
        gain = rng.uniform(*GAINS, (n, 1, 1))
        healthy, changed = self._mixed(n, rng), self._mixed(n, rng) + gain * self.change[rows]
        beats = np.concatenate([healthy, changed])
        onset = np.array(list(onset_delays(beats)))
        known = np.isfinite(onset) & (np.abs(onset - LEAD_IN_MS - EARLIER_MS) <= EARLIER_MS)
        start = onset[known] + ONSET_SD_MS * rng.standard_normal(known.sum()) - LEAD_IN_MS
        sample = np.arange(N_TIMES) + np.rint(start).astype(int)[:, None]
        sample = sample.clip(0, N_TIMES + EARLIER_MS - 1)
        ecg = np.take_along_axis(beats[known], sample[:, None], axis=2)
        truth = _taken(self.truth, self.changed[rows])
        truth = InfarctTargets(*(torch.cat([torch.zeros_like(x), x]) for x in truth))
        return torch.as_tensor(np.float32(ecg)), _taken(truth, np.flatnonzero(known))

    def _mixed(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """`n` mixtures of two people's beats, [n, 12, 540] mV from 40 ms earlier."""
        first, second = rng.integers(len(self.backgrounds), size=(2, n))
        share = rng.uniform(LEAST_SHARE, 1.0, (n, 1, 1))
        mixed = share * self.backgrounds[first] + (1.0 - share) * self.backgrounds[second]
        return np.pad(mixed, ((0, 0), (0, 0), (EARLIER_MS, 0)), mode="edge")


def targets(pairs: InfarctPairs) -> InfarctTargets:
    """The truth of the scarred beats of pairs."""
    sizes = np.stack([pairs.label("lv_percent"), pairs.label("transmurality")], axis=1)
    involved = pairs.segment_share >= INVOLVED
    return InfarctTargets(torch.ones(len(pairs)), *(torch.as_tensor(np.float32(x))
                                                    for x in (involved, sizes)))  # fmt: skip


def _taken(truth: InfarctTargets, rows: np.ndarray) -> InfarctTargets:
    return InfarctTargets(*(values[rows] for values in truth))
