"""MetaImage files (.mha): a header of lines `Key = Value`, then raw or compressed values.

https://itk.org/Wiki/ITK/MetaIO/Documentation. ITK's own reader comes with 260 MB.
"""

import zlib
from pathlib import Path

import numpy as np

from einthoven.base.core.errors import BadInput

TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4",
    "MET_UINT": "u4", "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip


def read_metaimage(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values [i, j, k] or [i, j, k, phase], steps [3, 3] mm as columns, origin [3] mm; LPS.

    Raises:
        BadInput: a key is missing, or there are fewer values than the header says.
    """
    header, data = _header(path)
    if missing := [k for k in ("NDims", "DimSize", "ElementType", "ElementDataFile")
                   if k not in header]:  # fmt: skip
        raise BadInput(f"{path}: the header lacks {', '.join(missing)}")
    n = int(header["NDims"])
    size = [int(word) for word in header["DimSize"].split()]
    if header["ElementType"] not in TYPES or int(header.get("ElementNumberOfChannels", 1)) != 1:
        raise BadInput(f"{path}: values of type {header['ElementType']} are not labels")
    if header["ElementDataFile"] != "LOCAL":
        raise BadInput(
            f"{path}: its values are in {header['ElementDataFile']}; save it as one .mha"
        )
    if header.get("CompressedData", "False").lower() == "true":
        data = zlib.decompress(data)
    big = header.get("BinaryDataByteOrderMSB", header.get("ElementByteOrderMSB", "False"))
    kind = np.dtype(TYPES[header["ElementType"]]).newbyteorder(">" if big == "True" else "<")
    if len(data) < int(np.prod(size)) * kind.itemsize:
        raise BadInput(f"{path}: {len(data)} bytes of values, not {np.prod(size) * kind.itemsize}; "
                       "incomplete?")  # fmt: skip
    values = np.frombuffer(data, kind, int(np.prod(size))).reshape(size, order="F")
    spacing = _numbers(header, ("ElementSpacing", "ElementSize"), np.ones(n))
    matrix = _numbers(header, ("TransformMatrix", "Orientation", "Rotation"), np.eye(n))
    origin = _numbers(header, ("Offset", "Origin", "Position"), np.zeros(n))
    # rows of the matrix are the directions of the indices
    steps = matrix.reshape(n, n)[:3, :3].T * spacing[:3]
    return values, steps, origin[:3]


def _header(path: Path) -> tuple[dict[str, str], bytes]:
    """Keys and values up to ElementDataFile, which comes last, and the bytes after it."""
    rest, header = path.read_bytes(), dict[str, str]()
    while rest and "ElementDataFile" not in header:
        line, _, rest = rest.partition(b"\n")
        key, equals, value = line.decode("latin-1").partition("=")
        if not equals:
            raise BadInput(f"{path}: {key.strip()[:40]!r} is not a line of a MetaImage header")
        header[key.strip()] = value.strip()
    return header, rest


def _numbers(header: dict[str, str], keys: tuple[str, ...], default: np.ndarray) -> np.ndarray:
    found = next((header[key] for key in keys if key in header), "")
    return np.array(found.split(), float) if found else default.ravel()
