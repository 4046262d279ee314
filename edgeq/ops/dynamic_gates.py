"""What dynamic recurrent layers share: gates over vectors that are narrowed at every step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import Graph, IntArray
from edgeq.ops.gates import GATE_SCALE, Wide, saturate, sigmoid_blob
from edgeq.ops.mac import exact_matmul
from edgeq.ops.narrow import TOP, check_row, dynamic_multipliers, narrow
from edgeq.ops.recurrent import Recurrent
from edgeq.plan import Blob, Value
from edgeq.requant import requantize_wide, wide_factors


@dataclass(frozen=True, eq=False)
class DynamicSide:
    """The integer constants of all gates that act on one 16-bit vector: the input or the state."""

    weights: IntArray  # (gates * units, k)
    bias: NDArray[np.int32]  # (gates * units,)
    mult: NDArray[np.int32]  # (gates,)
    shift: NDArray[np.int8]  # (gates,)

    def sums(self, x: IntArray) -> tuple[Wide, ...]:
        """Each gate's sums in Q3.12 for x (n, k), limited to int16: (n, units) each."""
        gates = len(self.mult)
        rows, m = narrow(x)
        acc = exact_matmul(rows, self.weights.T) * m + TOP * self.bias.astype(np.int64)
        each = len(self.bias) // gates
        mult, shift = np.repeat(self.mult, each), np.repeat(self.shift, each)
        return tuple(np.split(saturate(requantize_wide(acc, mult, shift)), gates, axis=1))


def dynamic_side(op: Recurrent, g: Graph, i: int) -> DynamicSide:
    """The constants of `op` that act on the input (0) or the state (1)."""
    w, b, source = ((1, 3, op.ins[0]), (2, 4, op.outs[0]))[i]
    units, weights = op.units(g), g.integers(op.ins[w])
    has_bias = b < len(op.ins)
    bias = g.integers(op.ins[b]) if has_bias else np.zeros(len(weights), np.int32)
    check_row(op.name, weights.shape[1])
    scale = np.broadcast_to(g.tensor(op.ins[w]).params.scale, (len(weights),))[::units]
    real = scale * float(g.tensor(source).params.scale) / TOP / GATE_SCALE
    return DynamicSide(weights, bias.astype(np.int32), *dynamic_multipliers(op.name, real))


def dynamic_fields(op: Recurrent, g: Graph) -> tuple[tuple[str, Value], ...]:
    """What the structs of dynamic recurrent layers begin with."""
    _, steps, in_c = g.tensor(op.ins[0]).shape
    sides = [dynamic_side(op, g, i) for i in range(2)]
    factors = [wide_factors(side.mult, side.shift) for side in sides]
    weights = np.concatenate([side.weights.reshape(-1) for side in sides]).astype(np.int8)
    return (
        ("steps", steps), ("in_c", in_c), ("units", op.units(g)),
        ("last_only", int(op.last_only)),
        ("weights", Blob("weights", "int8_t", weights,
                         "rows of every gate for the input, then for the state", align=16)),
        ("bias", Blob("bias", "int32_t", np.concatenate([side.bias for side in sides]),
                      "in the order of the weights")),
        ("mult", Blob("mult", "int16_t", np.concatenate([m for m, _ in factors]),
                      "a gate, Q15")),
        ("shift", Blob("shift", "int8_t", np.concatenate([s for _, s in factors]),
                       "to the right")),
        ("sigmoid", sigmoid_blob()),
    )
