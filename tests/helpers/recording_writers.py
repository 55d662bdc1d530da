"""Small writers of recordings' formats, independent of the readers."""

import base64
import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from helpers.recording_source import UV, Source

MV_GAIN = 1000 / UV
"""Counts per mV."""
PERSON = "#Age: 61\n#Sex: Female\n"


def checksum(row: np.ndarray) -> int:
    return int(row.sum()) % 65536


def write_wfdb(
    folder: Path, made: Source, form: str = "16", signal: str = "rec.dat", prefix: bytes = b"",
    **changes: object,
) -> Path:  # fmt: skip
    """Interleaved counts of 16 bits, and the header; changes: gains, unit, names, rate, sums."""
    names = list(changes.get("names", made.leads))
    rows = changes.get("rows", made.counts)
    dtype = {"61": ">i2", "160": "<u2"}.get(form.split("+")[0].split("x")[0], "<i2")
    stored = np.asarray(rows).T + (32768 if dtype == "<u2" else 0)
    (folder / signal).write_bytes(prefix + stored.astype(dtype).tobytes())
    gains = changes.get("gains", [MV_GAIN] * len(names))
    lines = [f"rec {len(names)} {changes.get('rate', made.rate_hz)} {len(rows[0])}"]
    for name, row, gain in zip(names, rows, gains):
        total = changes.get("sums", checksum(row))
        scale = f"{gain:g}(0)/{changes.get('unit', 'mV')}"
        lines.append(f"{signal} {form} {scale} 16 0 {row[0]} {total} 0 {name}")
    header = folder / str(changes.get("header", "rec.hea"))
    header.write_text("\n".join(lines) + "\n" + PERSON)
    return header


def write_wfdb_packed(folder: Path, made: Source, form: str) -> Path:
    """Formats 212, 310, 311 by hand, with the counts of the source divided by 4 to fit 10 bits."""
    rows = made.counts if form == "212" else made.counts // 4
    values = [int(v) for v in rows.T.ravel()]
    raw = bytearray()
    if form == "212":
        for a, b in zip(values[::2], values[1::2]):
            a, b = a & 0xFFF, b & 0xFFF
            raw += bytes([a & 0xFF, a >> 8 | b >> 8 << 4, b & 0xFF])
    else:
        for a, b, c in zip(values[::3], values[1::3], values[2::3]):
            a, b, c = a & 0x3FF, b & 0x3FF, c & 0x3FF
            word = a | b << 10 | c << 20
            if form == "310":  # 11 bits from bit 1 in two words, and the third in what is left
                low, high = a << 1 | (c & 0x1F) << 11, b << 1 | (c >> 5) << 11
                word = low | high << 16
            raw += struct.pack("<I", word)
    (folder / "rec.dat").write_bytes(bytes(raw))
    lines = [f"rec 12 {made.rate_hz} {rows.shape[1]}"]
    gain = MV_GAIN if form == "212" else MV_GAIN / 4
    lines += [f"rec.dat {form} {gain:g}/mV 12 0 {row[0]} {checksum(row)} 0 {name}"
              for name, row in zip(made.leads, rows)]  # fmt: skip
    (folder / "rec.hea").write_text("\n".join(lines) + "\n")
    return folder / "rec.hea"


def write_challenge(folder: Path, made: Source, form: str = "16+24") -> Path:
    """A MATLAB 4 array `val` whose 24 bytes of header the WFDB header skips."""
    n_leads, n = made.counts.shape
    head = struct.pack("<5i", 30, n_leads, n, 0, 4) + b"val\0"
    write_wfdb(folder, made, form, "rec.mat", head)
    return folder / "rec.mat"


def write_segments(folder: Path, made: Source) -> Path:
    """A record in two segments."""
    half = made.counts.shape[1] // 2
    for k, part in enumerate((made.counts[:, :half], made.counts[:, half:])):
        name = f"seg{k}"
        write_wfdb(folder, Source(part), signal=f"{name}.dat", header=f"{name}.hea")
        header = folder / f"{name}.hea"
        header.write_text(header.read_text().replace("rec ", f"{name} ", 1))
    n = made.counts.shape[1]
    (folder / "all.hea").write_text(f"all/2 12 {made.rate_hz} {n}\nseg0 {half}\nseg1 {n - half}\n")
    return folder / "all.hea"


def write_frames(folder: Path, made: Source) -> Path:
    """Two samples per frame of each lead, and one of a respiration at half the rate."""
    n_frames = made.counts.shape[1] // 2
    slow = np.arange(n_frames)[:, None] % 50
    frames = made.counts[:, : 2 * n_frames].reshape(12, n_frames, 2)
    interleaved = np.concatenate([*frames, slow], axis=1)
    (folder / "rec.dat").write_bytes(interleaved.astype("<i2").tobytes())
    lines = [f"rec 13 {made.rate_hz // 2} {n_frames}"]
    lines += [f"rec.dat 16x2 {MV_GAIN:g}/mV 16 0 {row[0]} {checksum(row)} 0 {name}"
              for name, row in made.leads.items()]  # fmt: skip
    lines.append(f"rec.dat 16 10/Ohm 16 0 {slow[0, 0]} {checksum(slow)} 0 resp")
    (folder / "rec.hea").write_text("\n".join(lines) + "\n")
    return folder / "rec.hea"


def table_text(
    columns: Mapping[str, np.ndarray], delimiter: str = ",", digits: int = 6, comma: bool = False
) -> str:
    """Header and rows; `comma` writes decimal commas."""
    lines = [delimiter.join(columns)]
    for row in zip(*columns.values()):
        cells = [v if isinstance(v, str) else f"{v:.{digits}f}" for v in row]
        lines.append(delimiter.join(c.replace(".", ",") if comma else c for c in cells))
    return "\n".join(lines) + "\n"


def muse_text(made: Source, **changes: object) -> str:
    """GE MUSE: I, II, V1 to V6 as base64 of little-endian counts."""
    wave = ""
    for name, row in dict(changes.get("leads", made.independent)).items():
        raw = base64.b64encode(np.asarray(row).astype("<i2").tobytes()).decode()
        lines = "\n".join(raw[k : k + 76] for k in range(0, len(raw), 76))
        wave += (
            f"<LeadData><LeadByteCountTotal>{2 * len(row)}</LeadByteCountTotal><LeadTimeOffset>0"
            f"</LeadTimeOffset><LeadSampleCountTotal>{changes.get('n', len(row))}"
            "</LeadSampleCountTotal>"
            f"<LeadAmplitudeUnitsPerBit>{changes.get('step', UV)}</LeadAmplitudeUnitsPerBit>"
            f"<LeadAmplitudeUnits>{changes.get('unit', 'MICROVOLTS')}</LeadAmplitudeUnits>"
            f"<LeadID>{name}</LeadID><LeadSampleSize>2</LeadSampleSize><LeadOff>FALSE</LeadOff>"
            f"<WaveFormData>{lines}\n</WaveFormData></LeadData>"
        )
    head = (
        "<RestingECG><PatientDemographics><PatientAge>61</PatientAge><AgeUnits>YEARS</AgeUnits>"
        "<Gender>FEMALE</Gender></PatientDemographics>"
    )
    start = f"<Waveform><WaveformType>{{}}</WaveformType><SampleBase>{made.rate_hz}</SampleBase>"
    start += "<SampleExponent>0</SampleExponent>"
    median = start.format("Median") + wave.replace(f">{UV}<", ">1<") + "</Waveform>"
    rhythm = start.format("Rhythm") + wave + "</Waveform>"
    return (
        '<?xml version="1.0" encoding="ISO-8859-1"?><!DOCTYPE RestingECG SYSTEM "restecg.dtd">'
        f"{head}{median}{rhythm}</RestingECG>"
    )


def aecg_text(made: Source, **changes: object) -> str:
    """HL7 aECG with origin 0 and the scale in uV."""
    parts = ""
    for name, row in made.leads.items():
        parts += (
            f'<component><sequence><code code="MDC_ECG_LEAD_{name.upper()}"/><value '
            'xsi:type="SLIST_PQ"><origin value="0" unit="uV"/>'
            f'<scale value="{changes.get("scale", UV)}" unit="{changes.get("unit", "uV")}"/>'
            f"<digits>{' '.join(map(str, row))}</digits></value></sequence></component>"
        )
    step = changes.get("step", 1 / made.rate_hz)
    return (
        '<?xml version="1.0" encoding="UTF-8"?><AnnotatedECG xmlns="urn:hl7-org:v3" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        '<effectiveTime><low value="20200630101500"/></effectiveTime>'
        "<componentOf><subjectDemographicPerson>"
        '<administrativeGenderCode code="F"/><birthTime value="19590101"/>'
        "</subjectDemographicPerson></componentOf>"
        "<component><series><component><sequenceSet><component><sequence>"
        '<code code="TIME_ABSOLUTE"/><value xsi:type="GLIST_TS"><head value="20200630101500"/>'
        f'<increment value="{step}" unit="s"/></value></sequence></component>'
        f"{parts}</sequenceSet></component></series></component></AnnotatedECG>"
    )


def cardiosoft_text(made: Source) -> str:
    waves = "".join(f'<WaveformData lead="{name}">{",".join(map(str, row))}</WaveformData>'
                    for name, row in made.leads.items())  # fmt: skip
    return (
        '<?xml version="1.0" encoding="ISO-8859-1" ?><CardiologyXML><PatientInfo>'
        '<Age units="YEARS">61</Age><Gender>FEMALE</Gender></PatientInfo><StripData>'
        f'<SampleRate units="Hz">{made.rate_hz}</SampleRate>'
        f'<Resolution units="uVperLsb">{UV:g}</Resolution>{waves}</StripData></CardiologyXML>'
    )


def json_text(made: Source) -> str:
    leads = {name: row.tolist() for name, row in made.in_mv.items()}
    return json.dumps({"rate_hz": made.rate_hz, "unit": "mV", "sex": "F", "leads": leads})
