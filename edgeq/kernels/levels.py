"""Weights of 4, 2 and 1 bits as level times factor, packed for eq_packed.h.

An int8 weight is factor * level: levels in [-7, 7], [-1, 1] or {-1, 1}, and a small positive
integer that a run of weights shares. A kernel that unpacks them computes with int8 weights, so
nothing else of its arithmetic changes. Source of scales that are integers times the channel's:
Dai et al. 2021 (VS-Quant), equation 7.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# by bits: largest level, largest factor. Products stay within int8, and so do those of the stored,
# unsigned levels and the factor within uint8.
TOP = {4: 7, 2: 1, 1: 1}
MOST_FACTOR = {4: 15, 2: 63, 1: 63}
_OFFSET = {4: 8, 2: 2, 1: 1}  # stored level = level + offset, halved for 1 bit


def split_factors(rows: NDArray[np.int8], run: int,
                  bits: int) -> tuple[NDArray[np.int8], NDArray[np.uint8]] | None:
    """(levels like `rows` (n, k), factors (n, runs)), a factor for each `run` weights; 0: a row.

    None where the weights are not of that form. Of the possible factors of a run the largest.
    """
    n, k = rows.shape
    parts = rows.reshape(n, -1, run or k).astype(np.int32)
    size = np.abs(parts)
    most = size.max(2)
    common = np.gcd.reduce(size, axis=2)
    factors = np.zeros(most.shape, np.int32)
    for m in range(1, MOST_FACTOR[bits] + 1):
        fits = (common % m == 0) & (most <= TOP[bits] * m) & (most > 0)
        factors = np.where(fits, m, factors)
    if np.any((factors == 0) & (most > 0)):
        return None
    levels = parts // np.maximum(factors, 1)[..., None]
    if bits == 1 and np.any((levels == 0) & (most > 0)[..., None]):
        return None
    return levels.reshape(n, k).astype(np.int8), factors.astype(np.uint8)


def pack_units(levels: NDArray[np.int8], bits: int) -> NDArray[np.int8]:
    """Units (blocks, units, size) of levels as (blocks, bytes): 8 / bits units share one."""
    blocks, units, size = levels.shape
    each = 8 // bits
    stored = (levels.astype(np.int16) + _OFFSET[bits]) >> (1 if bits == 1 else 0)
    padded = np.zeros((blocks, -(-units // each) * each, size), np.uint8)
    padded[:, :units] = stored
    shifts = (bits * np.arange(each, dtype=np.uint8))[None, None, :, None]
    shared = padded.reshape(blocks, -1, each, size) << shifts
    packed = np.bitwise_or.reduce(shared, axis=2)
    return np.ascontiguousarray(packed.reshape(blocks, -1)).view(np.int8)
