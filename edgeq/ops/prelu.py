"""PReLU: a slope for negative values that is learned, usually one a channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray, dtype_of
from edgeq.kernels import plain
from edgeq.ops.base import Limit, Op, Shape
from edgeq.ops.broadcast import broadcast_of, broadcast_shape
from edgeq.ops.elementwise import Operands, broadcast_call, scalar_call
from edgeq.ops.lut import float32_scale
from edgeq.plan import Call
from edgeq.readers.node import TfliteNode
from edgeq.requant import quantize_multiplier, requantize


def _slopes_odd(op: Op, g: Graph) -> str:
    x, slope = (g.tensor(n).shape for n in op.ins)
    return "" if broadcast_of(x, slope) else f"slopes of shape {slope} over {x}"


def _wide_factor(op: Op, g: Graph) -> str:
    x, slope, y = (g.tensor(n).q for n in (*op.ins, op.outs[0]))
    if x is None or slope is None or y is None or y.bits == 8:
        return ""
    factor = float(x.scale * slope.scale / y.scale)
    return "" if factor < 1 else f"a factor of {factor:.3g}"


@dataclass(frozen=True, kw_only=True)
class PRelu(Op):
    """y = x for x >= 0, else slope * x; inputs x, slope."""

    wide: ClassVar[bool] = True
    tflite_names: ClassVar[tuple[str, ...]] = ("PRELU",)
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("slopes that repeat over x as one block (a value, a channel, a pixel)", _slopes_odd,
              "expand the slopes"),
        Limit("16-bit slopes times inputs of smaller steps than the output's", _wide_factor,
              "check the scales of this layer"),
    )

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        return cls(name=node.name, ins=node.ins, outs=node.outs)

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        return (broadcast_shape(self.name, *ins),)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return (np.where(xs[0] >= 0, xs[0], xs[0] * xs[1]),)

    def _factors(self, g: Graph) -> tuple[tuple[int, int], tuple[int, int]]:
        x, slope, y = (float32_scale(g.tensor(n).params) for n in (*self.ins, self.outs[0]))
        # larger factors saturate all the same, and kernels rely on small shifts
        return (quantize_multiplier(min(float(x / y), 2.0**10)),
                quantize_multiplier(min(float(x * slope / y), 2.0**10)))

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        zeros = [int(g.tensor(n).params.zero) for n in (*self.ins, self.outs[0])]
        x, slope = (q.astype(np.int64) - z for q, z in zip(qs, zeros, strict=False))
        pos, neg = self._factors(g)
        y = np.where(x >= 0, requantize(np.maximum(x, 0), *pos),
                     requantize(np.minimum(x, 0) * slope, *neg))
        out = g.tensor(self.outs[0]).params
        return (np.clip(y + zeros[2], out.qmin, out.qmax).astype(dtype_of(out.bits)),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        loop = broadcast_of(*(g.tensor(n).shape for n in self.ins))
        assert loop is not None, "checked by the limits"
        way = Operands(0, 1, loop)
        if g.tensor(self.outs[0]).params.bits == 16:
            pos, neg = self._factors(g)
            return (broadcast_call(
                self, g, way, plain.portable("eq_prelu_s16"), "eq_prelu_s16_t",
                (("pos_shift", pos[1]), ("neg_shift", neg[1]),
                 ("pos_mult", pos[0]), ("neg_mult", neg[0]))),)
        scalar = scalar_call(self, g, way, target)
        if scalar is not None:
            return (scalar,)
        zeros = [int(g.tensor(n).params.zero) for n in (*self.ins, self.outs[0])]
        pos, neg = self._factors(g)
        kernel = plain.pick(plain.PRELU, target)
        return (broadcast_call(self, g, way, kernel, "eq_prelu_s8_t", (
            ("a_zero", zeros[0]), ("b_zero", zeros[1]), ("out_zero", zeros[2]),
            ("pos_shift", pos[1]), ("neg_shift", neg[1]),
            ("pos_mult", pos[0]), ("neg_mult", neg[0]))),)
