"""Huffman codes of SCP-ECG."""

import numpy as np

Codes = dict[str, tuple[int, int]]
"""Bits of a prefix -> its value, and the number of bits that follow and are the value instead."""

DEFAULT: Codes = {
    "0": (0, 0),
    **{"1" * k + "0" + sign: (value, 0)
       for k in range(1, 9)
       for sign, value in (("0", k), ("1", -k))},
    "1" * 9 + "0": (0, 8),
    "1" * 10: (0, 16),
}  # fmt: skip
"""Default table (EN 1064, annex C): small values by their size in ones and their sign; others in 8
or 16 bits of two's complement."""


def decoded(data: bytes, codes: Codes) -> np.ndarray:
    """Values [time] of a bit stream, until less than one code is left.

    Args:
        data: bytes, the highest bit first. codes: prefix -> value.
    """
    bits = np.unpackbits(np.frombuffer(data, np.uint8)).tobytes().translate(_DIGITS).decode()
    longest = max(map(len, codes))
    values: list[int] = []
    at = 0
    while at < len(bits):
        end = at + 1
        while bits[at:end] not in codes:
            end += 1
            if end - at > longest or end > len(bits):
                return np.array(values, dtype=np.int64)  # the bits that fill the last byte
        value, follow = codes[bits[at:end]]
        if follow:
            if end + follow > len(bits):
                break
            value = int(bits[end : end + follow], 2)
            value -= (value >> (follow - 1)) << follow
            end += follow
        values.append(value)
        at = end
    return np.array(values, dtype=np.int64)


_DIGITS = bytes([48, 49]) + bytes(range(2, 256))
"""Bytes 0 and 1 as the digits 0 and 1."""
