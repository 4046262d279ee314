"""Div: quotient of two tensors that are both computed at run time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels import plain
from edgeq.ops.base import clamp_bounds
from edgeq.ops.elementwise import Binary, broadcast_call, operands, scalar_call
from edgeq.ops.lut import CODES, clamp_int8
from edgeq.ops.mac import apply_act
from edgeq.plan import Blob, Call
from edgeq.requant import quantize_multiplier, requantize

_FRAC = 22  # bits behind the point of a reciprocal: 255 times the largest stays below 2**30


@dataclass(frozen=True, kw_only=True)
class Div(Binary):
    """y = act(a / b); a divisor of 0 counts as one step."""

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        with np.errstate(all="ignore"):
            return (apply_act(xs[0] / xs[1], self.act),)

    def _inverses(self, g: Graph) -> NDArray[np.int32]:
        """2**22 / (b - zero) for every code of the divisor, in the order of CODES."""
        b = CODES.astype(np.float64) - int(g.tensor(self.ins[1]).params.zero)
        return np.rint((1 << _FRAC) / np.where(b == 0, 1.0, b)).astype(np.int32)

    def _factor(self, g: Graph) -> tuple[int, int]:
        a, b, y = (float(g.tensor(n).params.scale) for n in (*self.ins, self.outs[0]))
        # a larger factor saturates all the same
        return quantize_multiplier(min(a / (b * y) * 2.0**-_FRAC, 0.5))

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        a, y = g.tensor(self.ins[0]).params, g.tensor(self.outs[0]).params
        inverse = self._inverses(g).astype(np.int64)[np.ascontiguousarray(qs[1]).view(np.uint8)]
        total = requantize((qs[0].astype(np.int64) - int(a.zero)) * inverse, *self._factor(g))
        return (clamp_int8(total + int(y.zero), *clamp_bounds(self.act, y)),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        way = operands(self, g)
        scalar = scalar_call(self, g, way, target)
        if scalar is not None:
            return (scalar,)
        y, (mult, shift) = g.tensor(self.outs[0]).params, self._factor(g)
        low, high = clamp_bounds(self.act, y)
        return (broadcast_call(
            self, g, way, plain.DIV, "eq_div_s8_t",
            (("a_divides", way.full), ("num_zero", int(g.tensor(self.ins[0]).params.zero)),
             ("out_zero", int(y.zero)), ("act_min", low), ("act_max", high), ("shift", shift),
             ("mult", mult), ("inverse", Blob("inverse", "int32_t", self._inverses(g),
                                              "2^22 / b for codes 0..127, then -128..-1")))),)
