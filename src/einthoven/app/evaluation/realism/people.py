"""People, real or simulated, as the classifiers see them: features, traces, rate, age and sex."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from einthoven.base.config.models import LEAST_PEOPLE
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import INDEPENDENT_ROWS
from einthoven.physics.ecg.features import TRACE_MS, FeatureRow

LOWEST_ANGLE_DEG = -135.0
"""Axes are written from here on over 360 degrees: opposite to the normal axis of 45 degrees, so
that no normal axis is cut in two."""
AXES = ("qrs_axis_deg", "t_axis_deg", "p_axis_deg")
TRACE_STEP = 2
"""Stride of the traces' times, for 4 ms."""
TRACE_UNTIL_MS = 400.0


def of_axes(features: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Features [person, feature] with axes from `LOWEST_ANGLE_DEG` on."""
    found = features.copy()
    for k, name in enumerate(names):
        if name in AXES:
            found[:, k] = (found[:, k] - LOWEST_ANGLE_DEG) % 360.0 + LOWEST_ANGLE_DEG
    return found


@dataclass(frozen=True, eq=False)
class PeopleEcgs:
    """One beat of each of several people.

    Attributes:
        label: name of the group. names: [person].
        feature_names: names of the columns of `features`.
        features: [person, feature], NaN where not measured.
        traces: [person, 12, time] mV at `TRACE_MS`, NaN outside of the record.
        sexes: [person] female, male or None. rates, ages: [person] per minute and years, or NaN.
    """

    label: str
    names: tuple[str, ...]
    feature_names: tuple[str, ...]
    features: np.ndarray
    traces: np.ndarray
    sexes: np.ndarray
    rates: np.ndarray
    ages: np.ndarray

    @classmethod
    def of_rows(cls, label: str, rows: Sequence[FeatureRow]) -> Self:
        """People of a table of features.

        Raises:
            BadInput: fewer than `LEAST_PEOPLE`.
        """
        if len(rows) < LEAST_PEOPLE:
            raise BadInput(
                f"{label}: {len(rows)} ECGs could be measured; cross-validation needs at least "
                f"{LEAST_PEOPLE}"
            )
        names = tuple(rows[0].values)
        values = np.array([[row.values[name] for name in names] for row in rows])
        return cls(
            label, tuple(row.name for row in rows), names, of_axes(values, names),
            np.stack([row.trace for row in rows]),
            np.array([row.sex for row in rows], dtype=object),
            np.array([60_000.0 / row.rr_ms if row.rr_ms else np.nan for row in rows]),
            np.array([np.nan if row.age_years is None else row.age_years for row in rows]),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.names)

    def chosen(self, index: np.ndarray, label: str | None = None) -> Self:
        """Some of the people.

        Args:
            index: [person] numbers. label: another name of the group.
        """
        return replace(
            self, label=label or self.label, names=tuple(self.names[k] for k in index),
            features=self.features[index], traces=self.traces[index], sexes=self.sexes[index],
            rates=self.rates[index], ages=self.ages[index],
        )  # fmt: skip

    def beats(self) -> np.ndarray:
        """[person, value] mV: eight independent leads from QRS onset to 400 ms, every 4 ms."""
        times = np.flatnonzero((TRACE_MS >= 0) & (TRACE_MS <= TRACE_UNTIL_MS))[::TRACE_STEP]
        return self.traces[:, INDEPENDENT_ROWS][:, :, times].reshape(len(self), -1)
