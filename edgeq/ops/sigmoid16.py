"""Logistic and tanh of 16-bit integers in TensorFlow Lite's fixed point: a table of 256 entries."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import Graph, IntArray
from edgeq.ops.base import Limit, Op
from edgeq.plan import Blob, Call

_STEPS = 24  # table entries for a distance of 1
_LEAST = 1e-8  # smaller steps of the input need shifts of more than 29


def sigmoid_table() -> NDArray[np.uint16]:
    """1 / (1 + e^-x) in Q16 for x = 0, 1/24, 2/24, ..., moved to halve the error between entries.

    Source: sigmoid_table_uint16 of TFLite's kernels/internal/common.h.
    """
    at = np.arange(256) / _STEPS
    value = _sigmoid(at)
    middle = _sigmoid(at + 0.5 / _STEPS) - (value + _sigmoid(at + 1 / _STEPS)) / 2
    table = np.floor(value + middle / 2 + 0.5)
    table[-1] = 65535
    return np.asarray(table, np.uint16)


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(65536.0 / (1.0 + np.exp(-x)))


def scaling(scale: float, powers: tuple[int, ...]) -> tuple[int, int]:
    """(mult, right shift) from the input's steps to steps of 1 / (3 * 4096).

    `powers`: steps of 2^(p - 12) for these p are multiplied exactly. Source: LogisticPrepare
    and TanhPrepare of TFLite.
    """
    power = math.log2(scale)
    nearest = round(power)
    if abs(power - nearest) < 1e-3 and nearest + 12 in powers:
        return 3 << (nearest + 12), 0
    factor, shift = scale * 3 * 4096, 0
    while factor <= 32767 / 2 and shift <= 30:
        factor, shift = 2 * factor, shift + 1
    return int(factor), shift


def _position(x: IntArray, mult: int, shift: int) -> NDArray[np.int64]:
    return np.asarray((x.astype(np.int64) * mult + ((1 << shift) >> 1)) >> shift, np.int64)


def _line(distance: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """The table at `distance` in steps of 2^-bits entries, as Q(16 + bits)."""
    table = sigmoid_table().astype(np.int64)
    at = np.minimum(distance >> bits, 254)
    return np.asarray((table[at] << bits) + (distance & ((1 << bits) - 1))
                      * (table[at + 1] - table[at]), np.int64)


def logistic16(x: IntArray, mult: int, shift: int) -> NDArray[np.int16]:
    """Q15 values of 1 / (1 + e^-x) for int16 `x`."""
    at = _position(x, mult, shift)
    y = np.where(np.abs(at) >> 9 >= 255, 0x7FFF << 10, _line(np.abs(at), 9))
    y = np.where(at >= 0, y + (1 << 9), (1 << 25) - y + (1 << 9) - 1)
    return np.asarray(y >> 10, np.int16)


def tanh16(x: IntArray, mult: int, shift: int) -> NDArray[np.int16]:
    """Q15 values of tanh(x) = 2 / (1 + e^-2x) - 1 for int16 `x`."""
    at = _position(x, mult, shift)
    y = np.where(np.abs(at) >> 8 >= 255, 0xFFFF << 8, _line(np.abs(at), 8)) - (1 << 23)
    y = np.where(at >= 0, y + (1 << 7), -y + (1 << 7) - 1)
    return np.asarray(y >> 8, np.int16)


def _wrong_output(op: Op, g: Graph) -> str:
    q = g.tensor(op.outs[0]).q
    wrong = q is not None and q.bits == 16 and abs(float(q.scale) * 32768 - 1) > 1e-3
    return f"a scale of {float(q.scale):.4g}" if wrong and q is not None else ""


def _tiny_steps(op: Op, g: Graph) -> str:
    q = g.tensor(op.ins[0]).q
    tiny = q is not None and q.bits == 16 and float(q.scale) < _LEAST
    return f"steps of {float(q.scale):.4g}" if tiny and q is not None else ""


LIMITS = (
    Limit("a 16-bit output has the scale 1/32768", _wrong_output, "export the model again"),
    Limit(f"16-bit inputs with steps of at least {_LEAST:g}", _tiny_steps,
          "check the scales of this layer"),
)


def wide_call(op: Op, g: Graph, func: str, powers: tuple[int, ...]) -> Call:
    """The call of eq_logistic_s16 or eq_tanh_s16."""
    x = g.tensor(op.ins[0])
    mult, shift = scaling(float(x.params.scale), powers)
    table = Blob("table", "uint16_t", sigmoid_table(), "Q16, 1 / (1 + e^-x) at x = i / 24")
    return Call(name=op.name, op=type(op).__name__, func=func, struct="eq_sigmoid_s16_t",
                fields=(("n", x.size), ("mult", mult), ("shift", shift), ("table", table)),
                ins=op.ins, outs=op.outs, sources=(f"ops/{func}.c",), overlap=(0,))
