"""SCP-ECG (EN 1064, ISO 11073-91064): the rhythm of section 6, or the reference beat of section 5.

A file is a checksum, its length, and sections. Section 0 points to the others, 1 has the person, 2
the Huffman codes, 3 the leads. Bits are read from the highest of each byte on.
"""

import binascii
import struct
from pathlib import Path

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.recordings.content import content_of
from einthoven.physics.ecg.recordings.huffman import DEFAULT, Codes, decoded
from einthoven.physics.ecg.recordings.lead_names import by_name
from einthoven.physics.ecg.recordings.recording import NOTHING_DECLARED, Declared, Person, Recording

LEAD_OF_ID = dict(zip((1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), LEADS))
"""Lead of the number in section 3; others are not of the twelve."""
DEFAULT_CODES = 19999
"""Number of tables in section 2 that stands for the default codes."""
_HEADER = 16
NV_PER_MV, US_PER_S = 1e6, 1e6
_SEXES = {1: "male", 2: "female"}
AGE, HEIGHT, WEIGHT, SEX = 4, 6, 7, 8
"""Tags of section 1."""


def read_scp(path: str | Path, declared: Declared = NOTHING_DECLARED) -> Recording:
    """Read the leads in mV, and the person.

    Args:
        path: the file.
        declared: its rate must be that of the file; the file states the unit.

    Raises:
        BadInput: no SCP-ECG file, truncated, a wrong checksum; leads that were recorded in turn;
            beats subtracted or bimodal compression, which are not read; or as
            `Recording.of_leads`.
    """
    path = Path(path)
    raw = content_of(path)
    try:
        sections = _sections(raw, path)
        names = _lead_names(sections, path)
        rhythm = bool(sections.get(6))
        counts, step_mv, rate_hz = _signals(sections, 6 if rhythm else 5, len(names), path)
        person = _person(sections.get(1, b""))
    except (struct.error, IndexError) as error:
        raise BadInput(f"{path}: a section ends too early ({error}); truncated? export it "
                       "again") from error  # fmt: skip
    if declared.rate_hz and declared.rate_hz != rate_hz:
        raise BadInput(f"{path}: the file says {rate_hz:g} Hz, not {declared.rate_hz:g} Hz; leave "
                       "out --rate-hz")  # fmt: skip
    leads = {name: row * step_mv for name, row in by_name(zip(names, counts), str(path)).items()}
    notes = () if rhythm else ("the file has no rhythm: its reference beat was read",)
    return Recording.of_leads(path, leads, rate_hz, person, notes)


def _sections(raw: bytes, path: Path) -> dict[int, bytes]:
    """Number of a section -> its content after the header."""
    if len(raw) < 6 + _HEADER or raw[16:22] != b"SCPECG":
        raise BadInput(f"{path}: not an SCP-ECG file (no mark SCPECG in section 0); is it another "
                       "format?")  # fmt: skip
    checksum, size = struct.unpack_from("<HI", raw)
    if size != len(raw):
        raise BadInput(f"{path}: {len(raw)} bytes, and its header says {size}; truncated? export "
                       "it again")  # fmt: skip
    if checksum and checksum != binascii.crc_hqx(raw[2:], 0xFFFF):
        raise BadInput(f"{path}: the checksum does not fit; damaged? copy it again")
    (length,) = struct.unpack_from("<I", raw, 10)
    sections = {}
    for at in range(6 + _HEADER, 6 + length - 9, 10):
        number, size, index = struct.unpack_from("<HII", raw, at)
        if size > _HEADER:
            sections[number] = raw[index - 1 + _HEADER : index - 1 + size]
    return sections


def _lead_names(sections: dict[int, bytes], path: Path) -> list[str]:
    """Leads in the order of their signals; all must be of the same time."""
    if 3 not in sections:
        raise BadInput(f"{path}: no section 3 with the leads; export it again")
    n, flags = sections[3][:2]
    if flags & 1:
        raise BadInput(f"{path}: the reference beat was subtracted (section 3), which is not read; "
                       "export it without compression")  # fmt: skip
    leads = [struct.unpack_from("<IIB", sections[3], 2 + 9 * k) for k in range(n)]
    if len({(start, stop) for start, stop, _ in leads}) > 1:
        raise BadInput(f"{path}: leads were recorded in turn (section 3); export the simultaneous "
                       "leads")  # fmt: skip
    return [LEAD_OF_ID.get(number, f"lead {number}") for *_, number in leads]


def _codes(section: bytes | None, path: Path) -> Codes | None:
    """Huffman codes of section 2; None for counts of 16 bits."""
    if not section:
        return None
    (n_tables,) = struct.unpack_from("<H", section)
    if n_tables == DEFAULT_CODES:
        return DEFAULT
    if n_tables != 1:
        raise BadInput(f"{path}: {n_tables} Huffman tables (section 2); one is read: export it "
                       "again with the default table")  # fmt: skip
    (n_codes,) = struct.unpack_from("<H", section, 2)
    codes: Codes = {}
    for k in range(n_codes):
        prefix, total, _, value, code = struct.unpack_from("<BBBhI", section, 4 + 9 * k)
        bits = "".join(str(code >> bit & 1) for bit in range(prefix))  # lowest bit first
        codes[bits] = (value, total - prefix)
    return codes


def _signals(
    sections: dict[int, bytes], number: int, n_leads: int, path: Path
) -> tuple[list[np.ndarray], float, float]:
    """Counts [time] of each lead, mV per count, samples per second."""
    if number not in sections:
        raise BadInput(f"{path}: neither section 6 nor 5 with signals; export the waveforms")
    section, codes = sections[number], _codes(sections.get(2), path)
    step_nv, interval_us, order, bimodal = struct.unpack_from("<HHBB", section)
    if number == 6 and bimodal:
        raise BadInput(f"{path}: bimodal compression (section 6) is not read; export it without "
                       "compression")  # fmt: skip
    if not step_nv or not interval_us or order > 2:
        raise BadInput(f"{path}: section {number}: {step_nv} nV per count, {interval_us} us, "
                       f"differences of order {order}; damaged? export it again")  # fmt: skip
    sizes = struct.unpack_from(f"<{n_leads}H", section, 6)
    at, counts = 6 + 2 * n_leads, []
    for size in sizes:
        if at + size > len(section):
            raise BadInput(f"{path}: section {number} ends too early; truncated? export it again")
        part = section[at : at + size]
        values = np.frombuffer(part, "<i2") if codes is None else decoded(part, codes)
        counts.append(_summed(values.astype(np.int64), order))
        at += size
    counts = _of_equal_length(counts, sections[3], number)
    return counts, step_nv / NV_PER_MV, US_PER_S / interval_us


def _summed(values: np.ndarray, order: int) -> np.ndarray:
    """Counts from their differences; the first one or two are counts themselves."""
    if order == 2 and len(values) >= 2:
        steps = np.cumsum(np.concatenate([[values[1] - values[0]], values[2:]]))
        return np.concatenate([values[:1], values[0] + np.cumsum(steps)])
    return np.cumsum(values) if order == 1 else values


def _of_equal_length(counts: list[np.ndarray], leads: bytes, number: int) -> list[np.ndarray]:
    """Counts without what the bits that fill the last byte decode to."""
    start, stop = struct.unpack_from("<II", leads, 2)
    n = stop - start + 1 if number == 6 else min(map(len, counts))
    return [row[:n] for row in counts]


def _person(section: bytes) -> Person:
    """Sex, age, height and weight; what is missing is None."""
    fields: dict[int, bytes] = {}
    at = 0
    while at + 3 <= len(section) and section[at] != 255:
        tag, size = struct.unpack_from("<BH", section, at)
        fields[tag] = section[at + 3 : at + 3 + size]
        at += 3 + size

    def measure(tag: int) -> float | None:
        """The value where its unit is the first: years, cm, kg."""
        if len(fields.get(tag, b"")) != 3:
            return None
        value, unit = struct.unpack("<HB", fields[tag])
        return float(value) if value and unit == 1 else None

    sex = fields.get(SEX, b"")
    return Person(
        _SEXES.get(sex[0]) if sex else None, measure(AGE), measure(HEIGHT), measure(WEIGHT)
    )
