"""Softmax of 16-bit integers in TensorFlow Lite's fixed point: lines between 513 table entries."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import IntArray
from edgeq.requant import quantize_multiplier, requantize

Values = NDArray[np.floating]

_RANGE = 65535.0  # steps of an int16 input
_DEEPEST = 10.0  # e^-10 counts as the end


def _round(x: Values) -> Values:
    """Nearest integer, half away from zero."""
    return np.asarray(np.sign(x) * np.floor(np.abs(x) + 0.5))


def line_table(f: Callable[[Values], Values], low: float, high: float) -> NDArray[np.int16]:
    """513 entries in Q15 of `f` on [low, high], shifted to halve the error between two of them.

    Source: LUTPopulate of TFLite's kernels/internal/common.h.
    """
    step = (high - low) / 512
    at = low + np.arange(513) * step
    value = f(at) * 32768.0
    middle = _round(f(at[:-1] + step / 2) * 32768.0)
    between = _round((value[1:] + _round(value[:-1])) / 2)
    entries = np.append(_round(value[:-1]) - _round((between - middle) / 2), _round(value[-1:]))
    return np.asarray(np.clip(entries, -32768, 32767), np.int16)


def exp_table() -> NDArray[np.int16]:
    """e^x on [-10, 0]."""
    return line_table(np.exp, -_DEEPEST, 0.0)


def reciprocal_table() -> NDArray[np.int16]:
    """1 / (1 + x) on [0, 1]."""
    return line_table(lambda x: np.asarray(1.0 / (1.0 + x)), 0.0, 1.0)


def scaling(scale: float, beta: float) -> tuple[int, int]:
    """(mult, shift) that take a difference of inputs to 65535 steps of [-10, 0]."""
    return quantize_multiplier(scale * beta / (_DEEPEST / _RANGE))


def look_up(table: NDArray[np.int16], x: NDArray[np.int64]) -> NDArray[np.int64]:
    """The line between two entries at int16 `x`."""
    wide, at = table.astype(np.int64), 256 + (x >> 7)
    return np.asarray(wide[at] + (((wide[at + 1] - wide[at]) * (x & 127) + 64) >> 7))


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
