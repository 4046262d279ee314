"""4-bit weights in bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def nibbles(low: NDArray[np.int8], high: NDArray[np.int8]) -> NDArray[np.int8]:
    """Bytes with `low` in the lower and `high` in the upper half; both in [-7, 7], same shape."""
    assert int(np.abs(low).max(initial=0)) <= 7
    assert int(np.abs(high).max(initial=0)) <= 7
    return np.asarray((low.view(np.uint8) & 15) | (high.view(np.uint8) << 4), np.uint8).view(np.int8)


def halves(rows: NDArray[np.int8]) -> NDArray[np.int8]:
    """Rows (n, k) as bytes (n, h), h = ceil(k / 2): tap i in the lower half, i + h in the upper."""
    h = -(-rows.shape[1] // 2)
    padded = np.zeros((rows.shape[0], 2 * h), np.int8)
    padded[:, :rows.shape[1]] = rows
    return nibbles(np.ascontiguousarray(padded[:, :h]), np.ascontiguousarray(padded[:, h:]))
