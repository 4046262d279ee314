"""SquaredDifference: the square of the difference of two quantized tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels import plain
from edgeq.ops.elementwise import Binary, broadcast_call, operands, scalar_call
from edgeq.ops.lut import clamp_int8
from edgeq.plan import Call
from edgeq.requant import quantize_multiplier, requantize

_LEFT = 7  # bits by which operands are shifted before they are rescaled: squares fit 28 bits


@dataclass(frozen=True, kw_only=True)
class SquaredDifference(Binary):
    """y = (a - b)^2 of a file that is quantized already, as in Keras' LayerNormalization."""

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return (np.square(xs[0] - xs[1]),)

    def _factors(self, g: Graph) -> list[tuple[int, int]]:
        """TFLite's three: each operand to half the larger scale in Q7, squares to the output.

        An output so fine that it takes a factor of 1 or more saturates from 1/64 step of the
        larger scale on.
        """
        a, b, y = (float(g.tensor(n).params.scale) for n in (*self.ins, self.outs[0]))
        twice = 2.0 * max(a, b)
        reals = (a / twice, b / twice, twice * twice / ((1 << 2 * _LEFT) * y))
        return [quantize_multiplier(min(r, 1.0 - 2.0**-31)) for r in reals]

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        *terms, out = self._factors(g)
        a, b = (self._term(g, i, q, factor)
                for i, (q, factor) in enumerate(zip(qs, terms, strict=True)))
        y = g.tensor(self.outs[0]).params
        total = requantize(np.square(a - b), *out) + int(y.zero)
        return (clamp_int8(total, y.qmin, y.qmax),)

    def _term(self, g: Graph, i: int, q: IntArray, factor: tuple[int, int]) -> NDArray[np.int64]:
        zero = int(g.tensor(self.ins[i]).params.zero)
        return requantize((q.astype(np.int64) - zero) << _LEFT, *factor)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        way = operands(self, g)
        scalar = scalar_call(self, g, way, target)
        if scalar is not None:
            return (scalar,)
        pairs, i, j = self._factors(g), way.full, way.other
        zeros = [int(g.tensor(n).params.zero) for n in (*self.ins, self.outs[0])]
        return (broadcast_call(
            self, g, way, plain.SQDIFF, "eq_sqdiff_s8_t",
            (("a_zero", zeros[i]), ("b_zero", zeros[j]), ("out_zero", zeros[2]),
             ("a_shift", pairs[i][1]), ("b_shift", pairs[j][1]), ("out_shift", pairs[2][1]),
             ("a_mult", pairs[i][0]), ("b_mult", pairs[j][0]), ("out_mult", pairs[2][0]))),)
