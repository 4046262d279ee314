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
