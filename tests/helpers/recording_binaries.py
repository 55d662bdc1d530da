"""Writers of binary formats: MATLAB, EDF, DICOM, SCP-ECG, Philips XML."""

import base64
import binascii
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from einthoven.base.core.names import INDEPENDENT_LEADS, LEADS
from helpers.recording_source import MV, UV, Source

SCP_IDS = dict(zip(LEADS, (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8)))


def write_matlab73(path: Path, made: Source) -> Path:
    """MATLAB 7.3: HDF5 after 512 bytes of text, arrays transposed, text in UTF-16."""
    import h5py

    with h5py.File(path, "w", userblock_size=512) as file:
        file["ecg"] = made.mv.T
        file["fs"] = np.array([[float(made.rate_hz)]])
        file["unit"] = np.array([[ord("m")], [ord("V")]], np.uint16)
        file["unit"].attrs["MATLAB_class"] = np.bytes_("char")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM")
    return path


def write_edf(path: Path, made: Source, bits: int = 16, dimension: str = "uV") -> Path:
    """EDF or BDF by hand: one data record per second, digital counts of 5 uV."""
    n, rate = len(LEADS), made.rate_hz
    records = made.counts.shape[1] // rate
    low, high = (-(2**20), 2**20) if bits == 24 else (-(2**15), 2**15 - 1)  # 8 characters
    scale = {"uV": UV, "mV": MV, "": UV}[dimension]

    def field(values: Sequence[object], width: int) -> bytes:
        return b"".join(str(value).ljust(width)[:width].encode() for value in values)

    size = 3 if bits == 24 else 2
    first = b"\xffBIOSEMI" if size == 3 else b"0".ljust(8)
    head = first + field(["X F 01-JAN-1959 X"], 80) + field(["Startdate 30-JUN-2020 X X X"], 80)
    head += field(["30.06.20", "10.15.00", 256 * (n + 1)], 8) + field([""], 44)
    head += field([records, 1], 8) + field([n], 4)
    head += field([f"ECG {name}" for name in LEADS], 16) + field(["AgCl"] * n, 80)
    head += field([dimension] * n, 8) + field(
        [f"{low * scale:g}" if bits == 16 else int(low * scale)] * n, 8
    )
    head += field([f"{high * scale:g}" if bits == 16 else int(high * scale)] * n, 8)
    head += field([low] * n, 8) + field([high] * n, 8)
    head += field([""] * n, 80) + field([rate] * n, 8) + field([""] * n, 32)
    data = bytearray(head)
    for k in range(records):
        part = made.counts[:, k * rate : (k + 1) * rate].astype("<i4").tobytes()
        four = np.frombuffer(part, np.uint8).reshape(-1, 4)
        data += four[:, :size].tobytes()
    path.write_bytes(bytes(data))
    return path


def write_dicom(path: Path, made: Source, scheme: str = "MDC", waveform: bool = True) -> Path:
    """12-lead waveform storage with 5 uV per count; scheme: how the leads are coded."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.9.1.1"
    data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.SOPClassUID, data.Modality = data.file_meta.MediaStorageSOPClassUID, "ECG"
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID
    data.PatientSex, data.PatientAge = "F", "061Y"
    if waveform:
        group = Dataset()
        group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = made.counts.shape
        group.SamplingFrequency, group.WaveformOriginality = made.rate_hz, "ORIGINAL"
        group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 16, "SS"
        group.ChannelDefinitionSequence = [_channel(name, scheme) for name in LEADS]
        group.add_new("WaveformData", "OW", made.counts.T.astype("<i2").tobytes())
        data.WaveformSequence = [group]
    data.save_as(path, enforce_file_format=True)
    return path


def _channel(name: str, scheme: str):
    from pydicom.dataset import Dataset

    source, unit, channel = Dataset(), Dataset(), Dataset()
    codes = {"MDC": f"2:{SCP_IDS[name]}", "SCPECG": f"5.6.3-9-{SCP_IDS[name]}", "": "other"}
    source.CodeValue, source.CodingSchemeDesignator = codes[scheme], scheme or "99LOCAL"
    source.CodeMeaning = f"Lead {name}" if not scheme else "Lead"
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "uV", "UCUM", "microvolt"
    channel.ChannelSourceSequence = [source]
    channel.ChannelSensitivity, channel.ChannelSensitivityUnitsSequence = UV, [unit]
    channel.ChannelSensitivityCorrectionFactor, channel.ChannelBaseline = 1, 0
    channel.WaveformBitsStored = 16
    return channel


def huffman_bits(value: int) -> str:
    """Default code of SCP-ECG, by its rule: as many ones as the value, a zero, the sign."""
    if value == 0:
        return "0"
    if abs(value) <= 8:
        return "1" * abs(value) + "0" + ("0" if value > 0 else "1")
    if -128 <= value <= 127:
        return "1111111110" + format(value & 0xFF, "08b")
    return "1111111111" + format(value & 0xFFFF, "016b")


def _packed(values: Sequence[int], huffman: bool) -> bytes:
    if not huffman:
        raw = np.asarray(values, "<i2").tobytes()
        return raw
    bits = "".join(huffman_bits(int(value)) for value in values)
    bits = bits.ljust(-(-len(bits) // 16) * 16, "0")  # an even number of bytes
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def write_scp(path: Path, made: Source, order: int = 2, huffman: bool = True, **changes) -> Path:
    """SCP-ECG with sections 0, 1, maybe 2, 3 and 6 (changes: number=5, flags, bimodal)."""
    names = changes.get("names", INDEPENDENT_LEADS)
    rows = [made.leads[name] for name in names]
    n = len(rows[0])
    signals = []
    for row in rows:
        if order == 2:
            values = [*row[:2], *(row[2:] - 2 * row[1:-1] + row[:-2])]
        else:
            values = [row[0], *np.diff(row)] if order else row
        signals.append(_packed(values, huffman))
    person = struct.pack("<BHHB", 4, 3, 61, 1) + struct.pack("<BHB", 8, 1, 2) + b"\xff\0\0"
    leads = struct.pack("<BB", len(names), changes.get("flags", 4 | len(names) << 3))
    leads += b"".join(struct.pack("<IIB", 1, n, SCP_IDS[name]) for name in names)
    waves = struct.pack("<HHBB", 5000, 1_000_000 // made.rate_hz, order, changes.get("bimodal", 0))
    waves += struct.pack(f"<{len(names)}H", *map(len, signals)) + b"".join(signals)
    sections = {1: person, 3: leads, changes.get("number", 6): waves}
    if huffman:
        sections[2] = struct.pack("<H", 19999)
    return _write_scp_sections(path, dict(sorted(sections.items())))


def _write_scp_sections(path: Path, sections: dict[int, bytes]) -> Path:
    def section(number: int, content: bytes) -> bytes:
        content += b"\0" * (len(content) % 2)
        reserved = b"SCPECG" if number == 0 else b"\0" * 6
        body = struct.pack("<HIBB", number, len(content) + 16, 20, 20) + reserved + content
        return struct.pack("<H", binascii.crc_hqx(body, 0xFFFF)) + body

    numbers = range(12)
    length0 = 16 + 10 * len(numbers)
    at, pointers, rest = 6 + length0 + 1, struct.pack("<HII", 0, length0, 7), b""
    for number in numbers[1:]:
        part = section(number, sections[number]) if number in sections else b""
        pointers += struct.pack("<HII", number, len(part), at if part else 0)
        rest += part
        at += len(part)
    body = section(0, pointers) + rest
    body = struct.pack("<I", len(body) + 6) + body
    path.write_bytes(struct.pack("<H", binascii.crc_hqx(body, 0xFFFF)) + body)
    return path


def _lzw(data: bytes, bits: int = 10) -> bytes:
    """Codes of 10 bits; the dictionary ends when they are used up."""
    codes = {bytes([k]): k for k in range(256)}
    out, current = [], b""
    for byte in data:
        longer = current + bytes([byte])
        if longer in codes:
            current = longer
            continue
        out.append(codes[current])
        if len(codes) <= (1 << bits) - 2:
            codes[longer] = len(codes)
        current = bytes([byte])
    out.append(codes[current])
    text = "".join(format(code, f"0{bits}b") for code in out)
    text = text.ljust(-(-len(text) // 8) * 8, "1")
    return int(text, 2).to_bytes(len(text) // 8, "big")


def _xli(row: np.ndarray) -> bytes:
    """One lead: second differences with an offset of 64, high bytes first, compressed."""
    last = int(row[0])
    deltas = [int(row[0]), int(row[1])]
    predicted = 2 * row[1:-1] - row[:-2]
    start = int(predicted[0] - row[2])
    # sample k is 2 x[k-1] - x[k-2] - d[k-1] + 64, where d[1] is `start` + 64
    for k in range(3, len(row)):
        deltas.append(int(2 * row[k - 1] - row[k - 2] - row[k]) + 64)
    deltas.append(64)
    words = np.array(deltas, np.int64) & 0xFFFF
    packed = bytes((words >> 8).astype(np.uint8)) + bytes((words & 0xFF).astype(np.uint8))
    data = _lzw(packed)
    assert last == deltas[0]
    return struct.pack("<ihh", len(data), 0, start) + data


def sierra_text(made: Source, version: str = "1.04") -> str:
    """Philips XML with XLI; III, aVR, aVL, aVF as differences from what I and II give."""
    rows = {name: row.copy() for name, row in made.leads.items()}
    one, two = rows["I"], rows["II"]
    rows["III"] = two - one - made.leads["III"]
    three = made.leads["III"]
    rows["aVR"] = -made.leads["aVR"] - (one + two) // 2
    rows["aVL"] = (one - three) // 2 - made.leads["aVL"]
    rows["aVF"] = (two + three) // 2 - made.leads["aVF"]
    data = base64.b64encode(b"".join(_xli(rows[name]) for name in LEADS)).decode()
    n = made.counts.shape[1]
    return (
        '<?xml version="1.0"?><restingecgdata xmlns="http://www3.medical.philips.com">'
        "<documentinfo><documenttype>PhilipsECG</documenttype>"
        f"<documentversion>{version}</documentversion></documentinfo><patient><sex>Female</sex>"
        "<age><years>61</years></age></patient><dataacquisition><signalcharacteristics>"
        f"<samplingrate>{made.rate_hz}</samplingrate><resolution>{UV:g}</resolution>"
        "<numberchannelsallocated>12</numberchannelsallocated></signalcharacteristics>"
        f'</dataacquisition><waveforms><parsedwaveforms dataencoding="Base64" '
        f'compression="XLI" numberofleads="12" leadlabels="{" ".join(LEADS)}" '
        f'durationperchannel="{1000 * n // made.rate_hz}">{data}</parsedwaveforms></waveforms>'
        "</restingecgdata>"
    )
