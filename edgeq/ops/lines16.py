"""Functions of 16-bit integers: lines between 513 table entries, as TensorFlow Lite has them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import QuantParams

Values = NDArray[np.floating]
Real = float | np.float32

_FAR = 1e9  # output steps that stand for infinity


def _round(x: Values) -> Values:
    """Nearest integer, half away from zero."""
    return np.asarray(np.sign(x) * np.floor(np.abs(x) + 0.5))


def line_table(f: Callable[[Values], Values], low: Real, high: Real) -> NDArray[np.int16]:
    """513 entries of `f`, in output steps, on [low, high], shifted to halve the error between two
    of them.

    Source: LUTPopulate of TFLite's kernels/internal/common.h.
    """
    step = (high - low) / 512
    at = low + np.arange(513, dtype=np.asarray(low).dtype) * step
    with np.errstate(all="ignore"):
        value, halfway = (np.clip(np.nan_to_num(f(x)), -_FAR, _FAR)
                          for x in (at, at[:-1] + step / 2))
    middle = _round(halfway)
    between = _round((value[1:] + _round(value[:-1])) / 2)
    entries = np.append(_round(value[:-1]) - _round((between - middle) / 2), _round(value[-1:]))
    return np.asarray(np.clip(entries, -32768, 32767), np.int16)


def function_table(f: Callable[[Values], Values], q_in: QuantParams,
                   q_out: QuantParams) -> NDArray[np.int16]:
    """The table of the real function `f` over all int16 inputs, in float32; zero points are 0."""
    low, high = (np.float32(end) * np.float32(q_in.scale) for end in (-32768, 32767))
    bottom, top = (np.float32(end) * np.float32(q_out.scale) for end in (-32768, 32767))
    inverse = np.float32(65536) / (top - bottom)  # TFLite's, although the range has 65535 steps
    return line_table(lambda x: np.asarray(f(x) * inverse), low, high)


def look_up(table: NDArray[np.int16], x: NDArray[np.int64]) -> NDArray[np.int64]:
    """The line between two entries at int16 `x`."""
    wide, at = table.astype(np.int64), 256 + (x >> 7)
    return np.asarray(wide[at] + (((wide[at + 1] - wide[at]) * (x & 127) + 64) >> 7))
