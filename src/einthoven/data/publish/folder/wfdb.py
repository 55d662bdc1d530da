"""An ECG as a WFDB record: header (.hea) and signals of 16 bits (.dat).

As https://physionet.org/physiotools/wag/header-5.htm describes them; `ecg.recordings.wfdb` reads
them back.
"""

from pathlib import Path

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.atomic import atomic
from einthoven.base.core.errors import BadInput

PER_MV = 1000.0
"""Digital units per mV: one is a microvolt."""


def write_wfdb(
    path: Path, leads: np.ndarray, ecg: np.ndarray, rate_hz: float, comments: list[str]
) -> None:
    """Write one record of several leads.

    Args:
        path: the header, `record.hea`; the signals lie beside it, `record.dat`.
        leads: [lead] names. ecg: [lead, time] mV.
        rate_hz: samples per second.
        comments: lines for the end of the header.

    Raises:
        BadInput: NaN, shapes that do not fit, or more than 32 mV, which 16 bits cannot hold.
    """
    ecg = check.finite("ecg", check.shape("ecg", ecg, (len(leads), None)))
    samples = np.rint(ecg.astype(np.float64) * PER_MV)
    if np.abs(samples).max(initial=0) > np.iinfo(np.int16).max:
        raise BadInput(f"{path}: {np.abs(ecg).max():.1f} mV do not fit 16 bits; is it in mV?")
    samples = samples.astype("<i2")
    signals = path.with_suffix(".dat")
    lines = [f"{path.stem} {len(leads)} {rate_hz:g} {samples.shape[1]}"]
    for name, values in zip(leads, samples):
        total = int(values.astype(np.int64).sum())
        checksum = (total + 2**15) % 2**16 - 2**15
        first = int(values[0]) if len(values) else 0
        lines.append(f"{signals.name} 16 {PER_MV:g}(0)/mV 16 0 {first} {checksum} 0 {name}")
    lines += [f"# {comment}" for comment in comments]
    with atomic(signals) as temporary:
        temporary.write_bytes(samples.T.tobytes())
    with atomic(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n")
