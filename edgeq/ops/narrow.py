"""Dynamic quantization: vectors of 16 bits narrowed to 8 at run time, by their own largest value.

The C twin is runtime_c/ops/eq_narrow.h; both must give the same bits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import ModelError
from edgeq.ir import FloatArray, IntArray
from edgeq.requant import quantize_multipliers

TOP = 127  # what the largest |value| becomes
_SPARE = 7  # bits of the reciprocal beyond those of the largest value: it is exact to 2**-15


def narrow(x: IntArray) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """(y, m) with x ~ y * m / 127: m (..., 1) is the largest |x| of each row of x (..., k), at
    least 1; y in [-127, 127], x * 127 / m to the nearest by a reciprocal of 15 bits.
    """
    wide = x.astype(np.int64)
    m = np.maximum(np.abs(wide).max(-1, keepdims=True), 1)
    shift = _SPARE + np.frexp(m.astype(np.float64))[1].astype(np.int64)  # bits of m
    reciprocal = ((TOP << shift) + m // 2) // m
    y = (wide * reciprocal + (np.int64(1) << (shift - 1))) >> shift
    return y.astype(np.int8), m


def narrowed(x: FloatArray) -> FloatArray:
    """What is left of real rows (..., k) behind `narrow`."""
    step = np.maximum(np.abs(x).max(-1, keepdims=True) / np.float32(TOP), np.float32(1e-30))
    return np.asarray(np.rint(x / step) * step, np.float32)


def dynamic_multipliers(name: str, real: NDArray[np.float64]
                        ) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """(mult, shift) of `requantize_wide` for the factors `real`; raises ModelError from 128 on."""
    mult, shift = quantize_multipliers(real)
    if int(shift.max()) > 7:
        raise ModelError(name, f"a rescaling by {float(real.max()):.3g}", "below 128",
                         "check the scales of this layer")
    return mult, shift


def check_row(name: str, k: int) -> None:
    """Raise ModelError where a sum of `k` products could leave int32."""
    if k * TOP * 128 >= 1 << 31:
        raise ModelError(name, f"sums of {k} terms", f"at most {(1 << 31) // (TOP * 128)}",
                         "split the layer")
