"""Functions of one slope on each side of 0 on 16-bit integers: ReLU, clamps, leaky ReLU."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import Graph, IntArray
from edgeq.ops.base import Op
from edgeq.plan import Call
from edgeq.requant import quantize_multiplier, requantize

_MOST = 2.0**15  # a larger factor saturates all the same


@dataclass(frozen=True)
class Slopes:
    """y = clamp(x * above) for x >= 0, else clamp(x * below), factors of steps to steps."""

    above: float
    below: float
    low: int = -32768
    high: int = 32767

    def apply(self, x: IntArray) -> NDArray[np.int16]:
        """int16 values for int16 `x`."""
        wide = x.astype(np.int64)
        sides = [requantize(wide, *self._factor(f)) * (-1 if f < 0 else 1)
                 for f in (self.above, self.below)]
        y = np.where(wide >= 0, sides[0], sides[1])
        return np.asarray(np.clip(y, self.low, self.high), np.int16)

    @staticmethod
    def _factor(factor: float) -> tuple[int, int]:
        return quantize_multiplier(min(abs(factor), _MOST))

    def call(self, op: Op, g: Graph) -> Call:
        """The call of eq_slopes_s16."""
        (up, up_shift), (down, down_shift) = self._factor(self.above), self._factor(self.below)
        fields = (("n", g.tensor(op.ins[0]).size), ("act_min", max(self.low, -32768)),
                  ("act_max", min(self.high, 32767)), ("below_sign", -1 if self.below < 0 else 1),
                  ("above_shift", up_shift), ("below_shift", down_shift),
                  ("above_mult", up), ("below_mult", down))
        return Call(name=op.name, op=type(op).__name__, func="eq_slopes_s16",
                    struct="eq_slopes_s16_t", fields=fields, ins=op.ins, outs=op.outs,
                    sources=("ops/eq_slopes_s16.c",), overlap=(0,))
