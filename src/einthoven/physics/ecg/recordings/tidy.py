"""Parts of a recording that are no signal of the heart, cut off; each cut gives a sentence."""

from collections.abc import Mapping

import numpy as np

from einthoven.base.core.errors import BadInput

Leads = dict[str, np.ndarray]

UNEQUAL_S = 0.01
"""Difference of the leads' durations that is cut off; more means that one is truncated."""
PADDING_S, LEFT_S = 0.5, 2.0
"""Shortest padding that is cut off, and the shortest recording that is left by it; the zeros
around a single beat are its baseline."""
PULSE_MV, PULSE_S, PULSE_SPREAD_MV = (0.9, 1.1), 0.08, 0.05
"""Height and least duration of a calibration pulse, and its largest SD over leads. In a heart's
signal I, II and V1 to V6 are never alike."""
PULSE_WITHIN_S, PULSE_AFTER_S = 2.0, 0.02
"""Part of the recording in which pulses are looked for, and the time cut off after one."""


def tidied(leads: Mapping[str, np.ndarray], rate_hz: float, where: str) -> tuple[Leads, list[str]]:
    """Leads of equal length, without padding and calibration pulses at their ends.

    Args:
        leads: lead -> [time] mV, NaN where a sample is missing.
        rate_hz: samples per second.
        where: file, for messages.

    Returns:
        leads; a sentence for each change.

    Raises:
        BadInput: leads of different lengths; NaN between valid samples.
    """
    found, notes = dict(leads), list[str]()
    for change in (_equal_length, _without_empty, _without_padding, _without_pulse):
        found, said = change(found, rate_hz, where)
        notes += said
    return found, notes


def _equal_length(leads: Leads, rate_hz: float, where: str) -> tuple[Leads, list[str]]:
    lengths = {name: len(values) for name, values in leads.items()}
    shortest, longest = min(lengths.values()), max(lengths.values())
    if shortest == longest:
        return leads, []
    if longest - shortest > UNEQUAL_S * rate_hz:
        raise BadInput(
            f"{where}: leads of different lengths: {lengths} samples; truncated? export it again"
        )
    return (
        {name: values[:shortest] for name, values in leads.items()},
        [f"leads of {shortest} to {longest} samples were cut to {shortest}"],
    )


def _without_empty(leads: Leads, rate_hz: float, where: str) -> tuple[Leads, list[str]]:
    """Leads without a single valid sample are as if they were not in the file."""
    empty = [name for name, values in leads.items() if not np.isfinite(values).any()]
    notes = [f"lead {name} has no valid sample" for name in empty]
    return {name: values for name, values in leads.items() if name not in empty}, notes


def _without_padding(leads: Leads, rate_hz: float, where: str) -> tuple[Leads, list[str]]:
    """The part between missing samples, and between long constants of all leads, at the ends."""
    if not leads:
        return leads, []
    rows = np.stack(list(leads.values()))
    whole = np.flatnonzero(np.isfinite(rows).all(axis=0))
    if not len(whole):
        raise BadInput(f"{where}: no sample is valid in all leads; were they recorded in turn?")
    start, stop = int(whole[0]), int(whole[-1]) + 1
    moving = np.flatnonzero((np.diff(rows[:, start:stop], axis=1) != 0).any(axis=0))
    if len(moving):
        first, last = start + int(moving[0]) + 1, start + int(moving[-1]) + 1
        if (last - first) >= LEFT_S * rate_hz:
            start = first if first - start >= PADDING_S * rate_hz else start
            stop = last if stop - last >= PADDING_S * rate_hz else stop
    for name, values in leads.items():
        _raise_if_gap(name, values[start:stop], start, rate_hz, where)
    n = rows.shape[1]
    notes = [
        f"{samples / rate_hz:.3f} s without signal at the {end} were cut off"
        for samples, end in ((start, "start"), (n - stop, "end"))
        if samples
    ]
    return {name: values[start:stop] for name, values in leads.items()}, notes


def _raise_if_gap(name: str, values: np.ndarray, start: int, rate_hz: float, where: str) -> None:
    """Name the lead, how many samples are missing, and when the first one is."""
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise BadInput(
            f"{where}: lead {name}: {len(bad)} of {len(values)} values are missing, NaN or "
            f"infinite, the first at {(start + bad[0]) / rate_hz:.3f} s; cut the gap out, or fill "
            "it"
        )


def _without_pulse(leads: Leads, rate_hz: float, where: str) -> tuple[Leads, list[str]]:
    """The part after a calibration pulse of 1 mV in all leads."""
    rows = np.stack([row for name, row in leads.items() if name in ("I", "II") or name[0] == "V"])
    part = rows[:, : round(PULSE_WITHIN_S * rate_hz)] if len(rows) else rows
    if len(rows) < 3 or rows.shape[1] <= part.shape[1] + LEFT_S * rate_hz:
        return leads, []
    steps = part - part[:, :1]
    low, high = PULSE_MV
    inside = (low <= steps.mean(axis=0)) & (steps.mean(axis=0) <= high)
    inside &= steps.std(axis=0) <= PULSE_SPREAD_MV
    samples = np.flatnonzero(inside)
    if len(samples) < PULSE_S * rate_hz:
        return leads, []
    stop = int(samples[-1]) + 1 + round(PULSE_AFTER_S * rate_hz)
    return (
        {name: values[stop:] for name, values in leads.items()},
        [f"a calibration pulse of 1 mV was cut off with the first {stop / rate_hz:.3f} s"],
    )
