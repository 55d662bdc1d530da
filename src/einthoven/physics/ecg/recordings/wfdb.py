"""WFDB records: header (.hea) and signals in formats 16, 32, 80 and 212.

As https://physionet.org/physiotools/wag/header-5.htm and signal-5.htm describe them. The package
`wfdb` reads more formats; it is not in the lock of this project's environment, and these four are
those of PTB, PTB-XL and the MIT-BIH databases.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.physics.ecg.recordings.recording import (
    NOTHING_DECLARED,
    PER_MV,
    Declared,
    Person,
    Recording,
)

DEFAULT_RATE_HZ, DEFAULT_GAIN = 250.0, 200.0
_GAIN = re.compile(r"([-+.\deE]+)?(?:\((-?\d+)\))?(?:/(\S+))?")
_SEX = re.compile(r"#.*\b(?:sex|gender)\W+(female|male|f|m)\b", re.IGNORECASE)
_AGE = re.compile(r"#.*\bage\W+(\d+)\b", re.IGNORECASE)


def _format_212(raw: np.ndarray) -> np.ndarray:
    """Pairs of 12-bit samples in three bytes."""
    raw = raw[: len(raw) // 3 * 3].reshape(-1, 3).astype(np.int32)
    first = raw[:, 0] | (raw[:, 1] & 0x0F) << 8
    second = raw[:, 2] | (raw[:, 1] & 0xF0) << 4
    both = np.stack([first, second], axis=1).ravel()
    return np.where(both > 2047, both - 4096, both)


DECODERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "16": lambda raw: raw[: len(raw) // 2 * 2].view("<i2").astype(np.int32),
    "32": lambda raw: raw[: len(raw) // 4 * 4].view("<i4").astype(np.int32),
    "80": lambda raw: raw.astype(np.int32) - 128,
    "212": _format_212,
}
"""Format -> samples of the bytes of a file."""


@dataclass(frozen=True)
class SignalLine:
    """One signal of a header."""

    file: str
    format: str
    gain: float
    baseline: int
    checksum: int | None
    name: str

    @classmethod
    def of(cls, line: str, path: Path) -> "SignalLine":
        """Parse `file format gain(baseline)/unit bits zero first checksum block description`."""
        words = line.split(maxsplit=8)
        if len(words) < 2:
            raise BadInput(f"{path}: not a signal line: {line!r}")
        if words[1] not in DECODERS:
            known = ", ".join(DECODERS)
            raise BadInput(f"{path}: signal format {words[1]} is not read, only {known}")
        words += [""] * (9 - len(words))
        found = _GAIN.fullmatch(words[2])
        unit = ((found and found[3]) or "mV").lower()
        if found is None or unit not in PER_MV:
            raise BadInput(f"{path}: gain {words[2]!r} is not in units per mV, uV or V")
        gain = float(found[1] or 0) * PER_MV[unit] or DEFAULT_GAIN
        baseline = int(found[2] or words[4] or 0)
        return cls(words[0], words[1], gain, baseline, int(words[6]) if words[6] else None,
                   words[8].strip())  # fmt: skip


def read_wfdb(path: str | Path, declared: Declared = NOTHING_DECLARED) -> Recording:
    """Read a record.

    Args:
        path: the header, record.hea.
        declared: a rate must be that of the header; units are in the header.

    Raises:
        BadInput: missing or broken files, a format or unit that is not read, a checksum that does
            not fit the samples, leads that are missing, a rate that is not the declared one.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from error
    lines = [line for line in text if line.strip() and not line.startswith("#")]
    words = lines[0].split() if lines else []
    if len(words) < 2 or not words[1].isdigit() or len(lines) <= int(words[1]):
        raise BadInput(f"{path}: not the header of a WFDB record (several segments are not read)")
    rate = _rate(words[2], path) if len(words) > 2 else DEFAULT_RATE_HZ
    n_samples = int(words[3]) if len(words) > 3 and words[3].isdigit() else 0
    signals = [SignalLine.of(line, path) for line in lines[1 : int(words[1]) + 1]]
    leads: dict[str, np.ndarray] = {}
    for file in dict.fromkeys(signal.file for signal in signals):
        together = [signal for signal in signals if signal.file == file]
        for signal, counts in zip(together, _samples(path.parent / file, together, n_samples)):
            leads[signal.name] = (counts - signal.baseline) / signal.gain
    if declared.rate_hz and declared.rate_hz != rate:
        raise BadInput(f"{path}: the header says {rate:g} Hz, not {declared.rate_hz:g} Hz; "
                       "leave out --rate-hz")  # fmt: skip
    return Recording.of_leads(path, leads, rate, _person(text))


def _person(text: list[str]) -> Person:
    """Sex and age from the comments, as those of PTB have them."""
    sex = next(filter(None, map(_SEX.match, text)), None)
    age = next(filter(None, map(_AGE.match, text)), None)
    return Person(
        {"f": "female", "m": "male"}[sex[1][0].lower()] if sex else None,
        float(age[1]) if age else None,
    )


def _rate(word: str, path: Path) -> float:
    """Sampling rate of `360`, `360/180` or `360/180(0)`."""
    try:
        return float(word.partition("/")[0])
    except ValueError:
        raise BadInput(f"{path}: sampling rate {word!r} is not a number") from None


def _samples(path: Path, signals: list[SignalLine], n_samples: int) -> np.ndarray:
    """[signal, time] counts of the signals that share a file, checked against their checksums."""
    try:
        raw = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from error
    counts = DECODERS[signals[0].format](raw)
    n_samples = n_samples or len(counts) // len(signals)
    if len(counts) < n_samples * len(signals) or n_samples == 0:
        raise BadInput(f"{path}: {len(counts)} samples, the header promises "
                       f"{n_samples} of each of {len(signals)} signals")  # fmt: skip
    counts = counts[: n_samples * len(signals)].reshape(n_samples, len(signals)).T
    for signal, row in zip(signals, counts):
        if signal.checksum is not None and (int(row.sum()) - signal.checksum) % 65536:
            raise BadInput(f"{path}: the checksum of {signal.name} does not fit; damaged?")
    return counts
