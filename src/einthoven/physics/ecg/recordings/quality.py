"""Faults of a recording that would pass for signals of the heart."""

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.recordings.recording import Recording

LEAST_SECONDS = 0.5
"""Duration of a beat with the end of its T wave."""
RATE_HZ = (100.0, 10_000.0)
"""Range of sampling rates: below, a QRS has too few samples; above, no recorder samples."""
FLAT_SHARE = 0.01
"""Range of a flat lead, relative to the median lead's range."""
CLIPPED_SAMPLES, CLIPPED_MS, LOST_MV, LOST_SHARE, LOST_COUNTS = 3, 5.0, 0.15, 0.15, 8
"""Limits of a saturated plateau at a lead's extreme: equal samples, duration, and the height of the
peak that the slopes on both sides point to, in mV, relative to the plateau, and in counts. Rounded
tops that quantisation flattens point to less: the highest in 358 recordings is 0.11 mV."""
EINTHOVEN_SHARE = 0.2
"""Largest SD of I + III - II over that of a lead: rounding and filters make a few percent."""


def raise_if_unusable(recording: Recording) -> None:
    """Refuse a recording with faults.

    Raises:
        BadInput: a sampling rate out of range, too short, a lead that is flat or saturated, limb
            leads that break Einthoven's law I + III = II; the message names lead, time, likely
            cause and remedy.
    """
    if not RATE_HZ[0] <= recording.rate_hz <= RATE_HZ[1]:
        raise BadInput(
            f"{recording.where}: sampled at {recording.rate_hz:g} Hz; {RATE_HZ[0]:g} to "
            f"{RATE_HZ[1]:g} Hz are read: correct the rate, or export at another one"
        )
    seconds = recording.ecg.shape[1] / recording.rate_hz
    if seconds < LEAST_SECONDS:
        raise BadInput(
            f"{recording.where}: {seconds:.2f} s at {recording.rate_hz:g} Hz; at least "
            f"{LEAST_SECONDS:g} s are needed: is the rate right?"
        )
    _raise_if_flat(recording)
    for name, lead in zip(LEADS, recording.ecg):
        _raise_if_saturated(name, lead, recording)
    _raise_if_not_einthoven(recording)


def _raise_if_flat(recording: Recording) -> None:
    # percentiles, so that one artefact does not make a flat lead move
    low, high = np.percentile(recording.ecg, (0.5, 99.5), axis=1)
    typical = float(np.median(high - low))
    flat = [name for name, span in zip(LEADS, high - low) if span <= FLAT_SHARE * typical]
    if flat or typical == 0:
        names = ", ".join(flat or LEADS)
        raise BadInput(f"{recording.where}: lead {names}: flat; an electrode off, or not recorded?")


def _raise_if_saturated(name: str, lead: np.ndarray, recording: Recording) -> None:
    least = max(CLIPPED_SAMPLES, round(CLIPPED_MS * recording.rate_hz / 1000))
    for extreme in (lead.min(), lead.max()):
        samples = np.flatnonzero(lead == extreme)
        for run in np.split(samples, np.flatnonzero(np.diff(samples) > 1) + 1):
            if len(run) >= least and _lost_mv(lead, run) > 0 and not _are_held(recording.ecg, run):
                raise BadInput(
                    f"{recording.where}: lead {name}: saturated at {extreme:.3f} mV, "
                    f"{len(run)} samples from {run[0] / recording.rate_hz:.3f} s; the amplifier's "
                    "range is exceeded: cut that part out, or record again"
                )


def _are_held(ecg: np.ndarray, run: np.ndarray) -> bool:
    """Whether the recorder held all leads, as where samples were lost; amplifiers saturate alone.

    Limb leads that are computed, and the noise of a filter, may go on: half of the leads decide.
    """
    inner = run[1:-1] if len(run) > 2 else run  # a lead may reach its level before the others
    constant = np.ptp(ecg[:, inner], axis=1) == 0
    return 2 * int(constant.sum()) >= len(ecg)


def _lost_mv(lead: np.ndarray, run: np.ndarray) -> float:
    """Height of the peak that a plateau cut off, by the slopes on both sides; 0 if it is rounded.

    Args:
        lead: [time] mV. run: indices of the plateau; at an end of the record it is padding.
    """
    first, last = int(run[0]), int(run[-1])
    if first < 1 or last + 1 >= len(lead):
        return 0.0
    before = abs(float(lead[first] - lead[first - 1]))
    after = abs(float(lead[last] - lead[last + 1]))
    # two lines from the plateau's edges meet above it
    lost = len(run) * before * after / (before + after)
    steps = np.abs(np.diff(lead))
    height = abs(float(lead[first] - np.median(lead)))
    least = max(LOST_MV, LOST_SHARE * height, LOST_COUNTS * float(steps[steps > 0].min()))
    return lost if lost >= least else 0.0


def _raise_if_not_einthoven(recording: Recording) -> None:
    one, two, three = (recording.ecg[LEADS.index(name)] for name in ("I", "II", "III"))
    residual, scale = float(np.std(one + three - two)), float(np.std(two))
    if residual > EINTHOVEN_SHARE * max(scale, float(np.std(one)), float(np.std(three))):
        raise BadInput(
            f"{recording.where}: leads I, II, III: I + III differs from II by {residual:.3f} mV "
            f"(SD; II has {scale:.3f}), against Einthoven's law; are they named wrongly, scaled "
            "differently, or of different times?"
        )


def arms_look_swapped(ecg: np.ndarray, time: np.ndarray, onset: float, offset: float) -> bool:
    """Whether the polarity of the limb leads hints at exchanged arm electrodes.

    Exchanging RA and LA inverts lead I and exchanges aVR and aVL (Batchvarov, Malik and Camm,
    Europace 9:1081, 2007, doi:10.1093/europace/eum172). Lead I is then opposite to V6, which sees
    the heart from the same side, and the QRS of aVR is upright. Dextrocardia inverts V6, too, and
    gives no hint; an extreme axis may give a false one.

    Args:
        ecg: [12, time] mV, one beat from its baseline. time: [time] ms. onset, offset: of its QRS.
    """
    qrs = dict(zip(LEADS, ecg[:, (time >= onset) & (time <= offset)]))
    product = float((qrs["I"] * qrs["V6"]).sum())
    lengths = float(np.linalg.norm(qrs["I"]) * np.linalg.norm(qrs["V6"]))
    upright = qrs["aVR"].sum() > 0 and qrs["V6"].sum() > 0
    return upright and product < -0.5 * lengths
