"""gemmlowp's fixed-point functions on numpy integers, bit for bit.

A number with k integer bits is x * 2**(31 - k) in an int32 ("Qk"). Source: fixedpoint.h of
gemmlowp; the constants are the functions' values in Q31.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeq.requant import IntArray, doubling_high_mul, rounding_shift

Ints = NDArray[np.int64]
INT32_MAX = (1 << 31) - 1

_EXP_MINUS_EIGHTH = 1895147668
_THIRD = 715827883
# e^-(2**k) for k = -2 .. 4
_EXP_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
_48_17, _MINUS_32_17 = 1515870810, -1010580540  # with 2 integer bits
_ROOT_START = 2308544922  # 2.15 in Q30
_HALF_ROOT_2 = 1518500250


def exp_on_negative(a: IntArray, int_bits: int) -> Ints:
    """e^a in Q31 for a <= 0 with `int_bits` <= 5 integer bits."""
    a64 = np.asarray(a, np.int64)
    frac_bits = 31 - int_bits
    quarter = 1 << (frac_bits - 2)
    part = (a64 & (quarter - 1)) - quarter  # in [-1/4, 0)
    result = _exp_in_quarter(part << int_bits)
    rest = part - a64
    for k, factor in zip(range(-2, int_bits), _EXP_POWERS, strict=False):
        bit = 1 << (frac_bits + k)
        result = np.where(rest & bit, doubling_high_mul(result, factor), result)
    return np.where(a64 == 0, INT32_MAX, result)


def _exp_in_quarter(a: Ints) -> Ints:
    """e^a in Q31 for a in [-1/4, 0) in Q31: Taylor's series of degree 4 around -1/8."""
    x = a + (1 << 28)
    x2 = doubling_high_mul(x, x)
    x3 = doubling_high_mul(x2, x)
    x4 = doubling_high_mul(x2, x2)
    tail = doubling_high_mul(rounding_shift(x4, 2) + x3, _THIRD) + x2
    return _EXP_MINUS_EIGHTH + doubling_high_mul(
        np.asarray(_EXP_MINUS_EIGHTH), x + rounding_shift(tail, 1))


def reciprocal_of_one_plus(x: IntArray) -> Ints:
    """1 / (1 + x) in Q31 for x in [0, 1) in Q31: three Newton steps with 2 integer bits."""
    half = (np.asarray(x, np.int64) + (1 << 31)) >> 1
    y = _48_17 + doubling_high_mul(half, _MINUS_32_17)
    for _ in range(3):
        rest = (1 << 29) - doubling_high_mul(half, y)
        y = y + _saturate(doubling_high_mul(y, rest) << 2)
    return _saturate(y << 1)


def _saturate(x: Ints) -> Ints:
    return np.clip(x, -(1 << 31), INT32_MAX)


def reciprocal_root(x: IntArray) -> tuple[Ints, Ints]:
    """(r, e) with 1 / sqrt(x) = r * 2**(-46 - e), r in [2**30, 2**31), for 0 < x < 2**63.

    x is scaled by 4**-e to [2**30, 2**32); then three Newton steps in Q30 from the line
    2.15 - 1.25 z, which is at most 10 % off: the result is to 2e-7.
    """
    x64 = np.asarray(x, np.int64)
    bits = _bit_length(x64)
    e = (bits - 31) >> 1
    m = np.where(e >= 0, x64 >> np.maximum(2 * e, 0),
                 x64 << np.maximum(-2 * e, 0)).astype(np.uint64)
    r = np.uint64(_ROOT_START) - (m >> np.uint64(2)) - (m >> np.uint64(4))
    for _ in range(3):
        square = (r * r) >> np.uint64(30)
        rest = np.uint64(3 << 30) - ((m * square) >> np.uint64(32))
        r = (r * rest) >> np.uint64(31)
    return np.minimum(r.astype(np.int64), INT32_MAX), e


def inverse_length(x: IntArray) -> tuple[Ints, Ints]:
    """(r, right) with 1 / sqrt(x) = r * 2**(-31 - right), for 0 <= x < 2**31; that of 0 is 1.

    x is scaled by 4 to [2**27, 2**29), half of it has 3 integer bits; five Newton steps from 1.
    Source: tflite::GetInvSqrtQuantizedMultiplierExp.
    """
    x64 = np.asarray(x, np.int64)
    pairs = (_bit_length(np.maximum(x64, 1)) - 28) >> 1  # to 28 or 29 bits
    scaled = np.where(pairs >= 0, x64 >> np.maximum(2 * pairs, 0), x64 << np.maximum(-2 * pairs, 0))
    half = rounding_shift(scaled >> 1, 1)
    r = np.full(x64.shape, 1 << 28, np.int64)
    for _ in range(5):
        cube = _saturate(doubling_high_mul(doubling_high_mul(r, r), r) << 6)
        r = _saturate((doubling_high_mul(r, 3 << 27) - doubling_high_mul(half, cube)) << 3)
    r, right = doubling_high_mul(r, _HALF_ROOT_2), 11 + pairs
    r, right = r << np.maximum(-right, 0), np.maximum(right, 0)
    return np.where(x64 > 1, r, INT32_MAX), np.where(x64 > 1, right, 0)


def _bit_length(x: Ints) -> Ints:
    """Bits of positive integers."""
    high = x >> 31
    upper = np.where(high > 0, np.frexp(high.astype(np.float64))[1] + 31, 0)
    return np.asarray(np.maximum(upper, np.frexp((x & INT32_MAX).astype(np.float64))[1]), np.int64)
