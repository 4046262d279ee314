"""Fixed-point gates of recurrent layers: int16 sums in Q3.12, sigmoid and tanh from one table.

The arithmetic is that of TensorFlow Lite Micro's int8 LSTM with an int16 cell (lstm_eval), so
imported integer models keep their bytes. The C twin is runtime_c/ops/eq_gates.h.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import ModelError
from edgeq.ir import IntArray
from edgeq.ops.mac import exact_matmul
from edgeq.plan import Blob
from edgeq.requant import requantize, rounding_shift

Wide = NDArray[np.int64]

GATE_SCALE = 2.0**-12  # of the sums in front of sigmoid and tanh
ONE = 1 << 15  # 1.0 of what comes out of them: Q0.15
LOW, HIGH = -(1 << 15), (1 << 15) - 1


def _table() -> NDArray[np.uint16]:
    """sigmoid(i / 24) in Q0.16 for i = 0 ... 255, moved towards its bend by h**2 / 16 of the
    curvature, so that lines between the entries err as much above as below; the last is 1.
    """
    s = 1 / (1 + np.exp(-np.arange(256) / 24))
    bend = s * (1 - s) * (1 - 2 * s) / 24**2
    table = np.floor(65536 * (s - bend / 16) + 0.5)
    table[255] = 65535
    return table.astype(np.uint16)


SIGMOID = _table()
SIGMOID.flags.writeable = False


def sigmoid_blob() -> Blob:
    """The table as a constant, shared by all recurrent layers of a model."""
    return Blob("sigmoid", "uint16_t", SIGMOID, "sigmoid(i / 24) in Q0.16")


def saturate(x: IntArray) -> Wide:
    """`x` limited to int16."""
    return np.clip(np.asarray(x, np.int64), LOW, HIGH)


def sigmoid(x: Wide) -> Wide:
    """Q0.15 of the sigmoid of `x` in Q3.12: linear between the entries of SIGMOID."""
    scaled = 3 * x
    a = np.abs(scaled)
    table = SIGMOID.astype(np.int64)
    i = np.minimum(a >> 9, 254)
    y = (table[i] << 9) + (a & 511) * (table[i + 1] - table[i])
    return np.asarray(np.where(scaled >= 0, y + 512, (1 << 25) - y + 511) >> 10, np.int64)


def tanh(x: Wide, bits: int) -> Wide:
    """Q0.15 of the hyperbolic tangent of int16 `x` with `bits` integer bits: 2 sigmoid(2x) - 1."""
    scaled = 3 * x << max(bits - 3, 0)
    if bits < 3:
        scaled = (3 * x + (1 << (2 - bits))) >> (3 - bits)
    a = np.abs(scaled)
    table = SIGMOID.astype(np.int64)
    i = np.minimum(a >> 8, 254)
    line = (table[i] << 8) + (a & 255) * (table[i + 1] - table[i])
    y = np.where(a >> 8 >= 255, 0xFFFF << 8, line)
    return np.where(scaled >= 0, y - (1 << 23) + 128, (1 << 23) - y + 127) >> 8


def halved(x: Wide, shift: int) -> Wide:
    """x / 2**shift as `requantize` rounds it where the factor is a power of two; shift >= 1."""
    return rounding_shift((x + 1) >> 1, shift - 1)


def gate_sums(x: IntArray, w: IntArray, bias: IntArray, mult: NDArray[np.int32],
              shift: NDArray[np.int8]) -> Wide:
    """Q3.12 of x (n, k) @ w (rows, k) + bias for each row's factor, limited to int16: (n, rows)."""
    return saturate(requantize(exact_matmul(x, w.T) + bias, mult, shift))


def check_sums(name: str, w: IntArray, bias: IntArray, shift: NDArray[np.int8]) -> None:
    """Raise ModelError unless every sum over int8 inputs fits int32 after its left shift."""
    most = 128 * np.abs(w.astype(np.int64)).sum(1) + np.abs(bias.astype(np.int64))
    worst = int((most << np.maximum(shift.astype(np.int64), 0)).max())
    if worst >= 1 << 31:
        raise ModelError(name, f"gates of up to {worst} after scaling", "below 2**31",
                         "check the scale of this layer's input and weights")
