"""Softmax of 16-bit integers in TensorFlow Lite's fixed point: lines between 513 table entries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import IntArray
from edgeq.ops.lines16 import line_table, look_up
from edgeq.requant import quantize_multiplier, requantize

_RANGE = 65535.0  # steps of an int16 input
_Q15 = 32768.0
_DEEPEST = 10.0  # e^-10 counts as the end


def exp_table() -> NDArray[np.int16]:
    """e^x in Q15 on [-10, 0]."""
    return line_table(lambda x: np.asarray(np.exp(x) * _Q15), -_DEEPEST, 0.0)


def reciprocal_table() -> NDArray[np.int16]:
    """1 / (1 + x) in Q15 on [0, 1]."""
    return line_table(lambda x: np.asarray(1.0 / (1.0 + x) * _Q15), 0.0, 1.0)


def scaling(scale: float, beta: float) -> tuple[int, int]:
    """(mult, shift) that take a difference of inputs to 65535 steps of [-10, 0]."""
    return quantize_multiplier(scale * beta / (_DEEPEST / _RANGE))


def softmax16(x: IntArray, mult: int, shift: int) -> NDArray[np.int16]:
    """Rows of Q15 probabilities (scale 1/32768, zero 0) for int16 rows `x`."""
    wide = x.astype(np.int64)
    d = requantize(wide - wide.max(-1, keepdims=True), mult, shift) + 32767
    e = look_up(exp_table(), np.clip(d, -32768, 32767))
    total = e.sum(-1, keepdims=True)
    zeros = 32 - np.frexp(total)[1].astype(np.int64)  # leading zeros of 32 bits
    fraction = (((total << (zeros - 1)) + (1 << 13)) >> 14) - (1 << 15) - (1 << 16)
    inverse = look_up(reciprocal_table(), np.clip(fraction, -32768, 32767))
    right = 31 - zeros
    y = (e * inverse + (np.int64(1) << (right - 1))) >> right
    return np.asarray(np.clip(y, 0, 32767), np.int16)
