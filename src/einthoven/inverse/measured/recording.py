"""Potentials of many channels that were sampled together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LIMB_ELECTRODES
from einthoven.physics.ecg.recordings.recording import PER_MV

MV = {unit: 1.0 / PER_MV[unit.lower()] for unit in ("mV", "uV", "V")}
"""Millivolt in one unit."""
PEAK_MV = (0.03, 100.0)
"""Highest value of body or heart potentials: from a weak electrode on the skin upwards."""

MEAN_SHARE = 0.02
"""Share of the RMS below which a mean over electrodes counts as zero."""


@dataclass(frozen=True, eq=False)
class ChannelRecording:
    """Channels that were sampled together."""

    name: str
    """Name of the record, for messages."""
    channels: tuple[str, ...]
    """Their names; row numbers from 1 where the file has none."""
    potentials: np.ndarray
    """[channel, time] mV."""
    rate_hz: float | None
    """Samples per second; None: neither file nor user states it."""
    unit: str
    """Unit of the file, mV, uV or V."""
    flagged: tuple[str, ...] = ()
    """Channels that the file itself marks as bad."""
    notes: tuple[str, ...] = ()
    """Findings on reading, a sentence each."""

    @classmethod
    def of(
        cls,
        name: str,
        values: np.ndarray,
        unit: str = "",
        rate_hz: float | None = None,
        channels: Sequence[str] | None = None,
    ) -> Self:
        """Recording of values in a unit that is stated, or inferred from their size.

        Args:
            name: of the record.
            values: [channel, time]; NaN where a sample is missing.
            unit: mV, uV (also written microvolt) or V; empty: by size.
            rate_hz: samples per second.
            channels: names; None numbers the rows from 1.

        Raises:
            BadInput: not a table, an unknown unit, or values that are not potentials in that unit.
        """
        values = np.asarray(check.shape(f"{name}: potentials", values, (None, None)), float)
        if min(values.shape) < 2:
            raise BadInput(
                f"{name}: potentials: shape {values.shape} is no [channel, time] "
                "table; save rows of channels"
            )
        if channels is None:
            channels = [str(row) for row in range(1, len(values) + 1)]
        check.unique(f"{name}: channels", channels)
        if len(channels) != len(values):
            raise BadInput(
                f"{name}: {len(channels)} names for {len(values)} channels; give one per row"
            )
        if rate_hz is not None:
            check.between(f"{name}: rate_hz", rate_hz, 50, 50_000, "samples per second, or ms?")
        unit, notes = _unit(name, unit, _peak(values))
        return cls(name, tuple(channels), values * MV[unit], rate_hz, unit, notes=notes)

    @property
    def rate(self) -> float:
        """Samples per second.

        Raises:
            BadInput: the sampling rate is unknown.
        """
        if self.rate_hz is None:
            raise BadInput(f"{self.name}: the file does not say its sampling rate; state it in Hz")
        return self.rate_hz

    @property
    def time(self) -> np.ndarray:
        """[time] ms from the first sample.

        Raises:
            BadInput: the sampling rate is unknown.
        """
        return np.arange(self.potentials.shape[1]) * (1000.0 / self.rate)

    def rows_of(self, channels: Sequence[str]) -> np.ndarray:
        """Row of each channel by name: [name].

        Raises:
            BadInput: names that the recording does not have.
        """
        rows = {channel: row for row, channel in enumerate(self.channels)}
        if missing := [channel for channel in channels if channel not in rows]:
            raise BadInput(
                f"{self.name}: no channel {', '.join(missing[:8])}{' ...' * (len(missing) > 8)}; "
                f"it has {len(rows)}: {', '.join(self.channels[:4])} ... {self.channels[-1]}"
            )
        return np.array([rows[channel] for channel in channels], dtype=np.int64)

    def of_channels(self, channels: Sequence[str]) -> Self:
        """Recording of some channels, in their order."""
        flagged = tuple(channel for channel in channels if channel in self.flagged)
        chosen = self.potentials[self.rows_of(channels)]
        return replace(self, channels=tuple(channels), potentials=chosen, flagged=flagged)

    def between(self, start_ms: float, end_ms: float) -> Self:
        """Recording from `start_ms` to `end_ms` (not included), ms from the first sample.

        Raises:
            BadInput: fewer than two samples lie there.
        """
        inside = (self.time >= start_ms - 1e-9) & (self.time < end_ms - 1e-9)
        if inside.sum() < 2:
            raise BadInput(f"{self.name}: {start_ms:g} to {end_ms:g} ms: the recording has 0 to "
                           f"{self.time[-1]:g} ms; choose times inside it")  # fmt: skip
        return replace(self, potentials=self.potentials[:, inside])


def _peak(values: np.ndarray) -> float:
    """Highest deviation from a channel's median; a single broken channel does not set it."""
    alive = values[np.isfinite(values).any(axis=1)]
    if not alive.size:
        return 0.0
    deviation = np.abs(alive - np.nanmedian(alive, axis=1, keepdims=True))
    return float(np.quantile(np.nanmax(deviation, axis=1), 0.9))


def _unit(name: str, stated: str, peak: float) -> tuple[str, tuple[str, ...]]:
    """The unit, and a note if it was not stated."""
    low, high = PEAK_MV
    if peak == 0.0:
        raise BadInput(f"{name}: potentials: all channels are flat or NaN; lost on reading?")
    fits = [unit for unit, factor in MV.items() if low <= peak * factor <= high]
    if not stated.strip():
        if len(fits) != 1:
            raise BadInput(f"{name}: no unit is stated and a highest value of {peak:.4g} may be "
                           f"{' or '.join(fits) or 'none of mV, uV, V'}; state it")  # fmt: skip
        return fits[0], (f"unit {fits[0]}, by a highest value of {peak:.4g}",)
    per_mv = PER_MV.get(stated.strip().lower().removesuffix("s"))
    if per_mv is None:
        raise BadInput(f"{name}: unit {stated!r} is none of {', '.join(MV)}")
    unit = next(unit for unit in MV if PER_MV[unit.lower()] == per_mv)
    if unit not in fits:
        guess = f"; are they {' or '.join(fits)}?" if fits else "; were they scaled?"
        raise BadInput(
            f"{name}: the highest value is {peak * MV[unit]:.4g} mV if the unit is {unit}, but "
            f"{low:g} to {high:g} mV is what electrodes measure{guess}"
        )
    return unit, ()


def detect_reference(potentials: np.ndarray, channels: tuple[str, ...]) -> str:
    """Name of the reference, whose mean potential is zero; or unknown.

    Potentials are [electrode, time] mV; RA, LA and LL are looked for among their channels.
    """
    rms = np.sqrt((potentials**2).mean())

    def is_zero(values: np.ndarray) -> bool:
        return bool(np.sqrt((values.mean(axis=0) ** 2).mean()) < MEAN_SHARE * rms)

    limbs = [k for k, name in enumerate(channels) if name.upper() in LIMB_ELECTRODES]
    if len(limbs) == len(LIMB_ELECTRODES) and is_zero(potentials[limbs]):
        return "Wilson's central terminal"
    return "mean of the electrodes" if is_zero(potentials) else "unknown"
