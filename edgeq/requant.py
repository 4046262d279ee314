"""Fixed-point requantization: TensorFlow Lite's reference formula in numpy integers.

The C twin is runtime_c/include/eq_requant.h; both must give the same bits.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.integer]


def quantize_multiplier(real: float) -> tuple[int, int]:
    """(mult, shift) with real ~ mult * 2**(shift - 31), mult in [2**30, 2**31).

    `shift` has TensorFlow Lite's sign: positive is left, negative is right.
    Multipliers below 2**-32 become (0, 0). Source: Jacob et al. 2018, section 2.2,
    and tflite::QuantizeMultiplier.
    """
    assert 0 <= real < math.inf, real
    if real == 0:
        return 0, 0
    fraction, exponent = math.frexp(real)
    mult = math.floor(fraction * (1 << 31) + 0.5)
    if mult == 1 << 31:
        mult //= 2
        exponent += 1
    if exponent < -31:
        return 0, 0
    return mult, exponent


def quantize_multipliers(
    real: NDArray[np.float64],
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """quantize_multiplier for each entry of a vector: (mult int32, shift int8)."""
    pairs = [quantize_multiplier(float(r)) for r in np.atleast_1d(real)]
    return (np.array([m for m, _ in pairs], np.int32), np.array([s for _, s in pairs], np.int8))


def wide_factors(mult: IntArray, shift: IntArray) -> tuple[NDArray[np.int16], NDArray[np.int8]]:
    """(15-bit multiplier, right shift behind it) for 16-bit activations.

    Source: MultiplyByQuantizedMultiplier(int64_t, ...) of TFLite; shift < 8.
    """
    m = np.asarray(mult, np.int64)
    factor = np.where(m < 0x7FFF0000, (m + (1 << 15)) >> 16, 0x7FFF)
    right = 15 - np.asarray(shift, np.int64)
    assert int(right.min()) >= 8
    assert int(right.max()) <= 62
    return factor.astype(np.int16), right.astype(np.int8)


def requantize_wide(acc: IntArray, mult: IntArray, shift: IntArray) -> NDArray[np.int64]:
    """acc * mult * 2**(shift - 31) for 16-bit activations: one rounding, halves upwards.

    `acc` lies within 2**47; mult and shift broadcast against it.
    """
    factor, right = (v.astype(np.int64) for v in wide_factors(mult, shift))
    wide = np.asarray(acc, np.int64)
    assert bool(np.all(np.abs(wide) < 1 << 47))
    return np.asarray((wide * factor + (np.int64(1) << (right - 1))) >> right, np.int64)


def doubling_high_mul(a: IntArray, b: IntArray | int) -> NDArray[np.int64]:
    """gemmlowp's SaturatingRoundingDoublingHighMul: round(a * b / 2**31), halves upwards."""
    a64, b64 = np.asarray(a, np.int64), np.asarray(b, np.int64)
    product = (a64 * b64 + (1 << 30)) >> 31
    largest = (1 << 31) - 1  # only a == b == -2**31 saturates
    return np.asarray(np.minimum(product, largest), np.int64)


def rounding_shift(x: IntArray, exponent: IntArray | int) -> NDArray[np.int64]:
    """gemmlowp's RoundingDivideByPOT: x / 2**exponent, halves away from zero; exponent >= 0."""
    x64, s = np.asarray(x, np.int64), np.asarray(exponent, np.int64)
    half = np.where(s > 0, np.int64(1) << np.maximum(s - 1, 0), 0)
    return np.where(s > 0, (x64 + (x64 >> 63) + half) >> s, x64)


def requantize(acc: IntArray, mult: IntArray | int, shift: IntArray | int) -> NDArray[np.int64]:
    """acc * mult * 2**(shift - 31) with double rounding; mult and shift broadcast against acc.

    `acc` must stay in int32 after the left shift, as the generator proves for every layer.
    """
    s = np.asarray(shift, np.int64)
    left, right = np.maximum(s, 0), np.maximum(-s, 0)
    shifted = np.asarray(acc, np.int64) << left
    assert bool(np.all(np.abs(shifted) < 1 << 31)), "accumulator leaves int32"
    return rounding_shift(doubling_high_mul(shifted, mult), right)
