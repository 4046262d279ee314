"""4-bit weights in bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeq.kernels.base import MacLayer


def nibbles(low: NDArray[np.int8], high: NDArray[np.int8]) -> NDArray[np.int8]:
    """Bytes with `low` in the lower and `high` in the upper half; both in [-7, 7], same shape."""
    assert int(np.abs(low).max(initial=0)) <= 7
    assert int(np.abs(high).max(initial=0)) <= 7
    packed = (low.view(np.uint8) & 15) | (high.view(np.uint8) << 4)
    return np.asarray(packed, np.uint8).view(np.int8)


def halves(rows: NDArray[np.int8]) -> NDArray[np.int8]:
    """Rows (n, k) as bytes (n, h), h = ceil(k / 2): tap i in the lower half, i + h in the upper."""
    h = -(-rows.shape[1] // 2)
    padded = np.zeros((rows.shape[0], 2 * h), np.int8)
    padded[:, :rows.shape[1]] = rows
    return nibbles(np.ascontiguousarray(padded[:, :h]), np.ascontiguousarray(padded[:, h:]))


def pairs(rows: NDArray[np.int8]) -> NDArray[np.int8]:
    """Rows (n, k), n even, as (n / 2, k) bytes, flat: the even row low, the odd one high."""
    return nibbles(np.ascontiguousarray(rows[0::2]), np.ascontiguousarray(rows[1::2])).reshape(-1)


def records(rows: NDArray[np.int8], layer: MacLayer) -> NDArray[np.int8]:
    """Records of eq_mve_w4.h for weight rows (out_c, k); k and out_c are filled up with zeros."""
    out_c, k = rows.shape
    blocks, steps = -(-out_c // 4), -(-k // 16)
    padded = np.zeros((blocks * 4, steps * 16), np.int8)
    padded[:out_c, :k] = rows
    taps = pairs(padded).reshape(blocks, 2, steps, 16).transpose(0, 2, 1, 3).reshape(blocks, -1)

    def table(values: NDArray[np.generic]) -> NDArray[np.int8]:
        full = np.zeros(blocks * 4, values.dtype.newbyteorder("<"))
        full[:out_c] = values
        return full.view(np.int8).reshape(blocks, -1)

    parts = (taps, table(layer.bias), table(layer.mult), table(layer.shift))
    return np.concatenate(parts, axis=1).reshape(-1)


# nibble of a word (from the lowest) -> tap of eight; see eq_gemm_w4_dsp.h
_TAP_OF_NIBBLE = (5, 4, 1, 0, 7, 6, 3, 2)


def eights(rows: NDArray[np.int8]) -> NDArray[np.uint32]:
    """Rows (n, k) as words (n, ceil(k / 8)) of eight weights."""
    n, k = rows.shape
    padded = np.zeros((n, -(-k // 8) * 8), np.int8)
    padded[:, :k] = rows
    assert int(np.abs(padded).max(initial=0)) <= 7
    bits = padded.reshape(n, -1, 8)[:, :, _TAP_OF_NIBBLE].view(np.uint8).astype(np.uint32) & 15
    return np.asarray((bits << (4 * np.arange(8, dtype=np.uint32))).sum(2, dtype=np.uint32))
