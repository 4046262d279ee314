"""DynamicDense: a dense layer that narrows every 16-bit input row to 8 bits at run time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels import plain
from edgeq.ops.base import clamp_bounds
from edgeq.ops.dense import Dense
from edgeq.ops.mac import exact_matmul
from edgeq.ops.narrow import TOP, check_row, dynamic_multipliers, narrow, narrowed
from edgeq.plan import Blob, Call
from edgeq.requant import requantize_wide, wide_factors


@dataclass(frozen=True, kw_only=True)
class DynamicDense(Dense):
    """y[r, oc] = act(sum(x[r, ic] * w[oc, ic]) + b[oc]) with the row x[r] in 8 bits of its own.

    Inputs and outputs have 16 bits, weights and products 8: nearly the accuracy of 16-bit
    activations for the work of 8-bit ones. Quantization puts it where a recipe says `dynamic`;
    no model file has it.
    """

    tflite_names: ClassVar[tuple[str, ...]] = ()

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        x, w, b = xs
        return super().run(narrowed(x.reshape(-1, w.shape[1])).reshape(x.shape), w, b)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        x, w, b = qs
        rows, m = narrow(x.reshape(-1, w.shape[1]))
        acc = exact_matmul(rows, w.T) * m + TOP * b.astype(np.int64)
        low, high = clamp_bounds(self.act, g.tensor(self.outs[0]).params)
        y = np.clip(requantize_wide(acc, *self._multipliers(g)), low, high).astype(np.int16)
        return (y.reshape(self._out(x.shape, w.shape)),)

    def _multipliers(self, g: Graph) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
        """From sums of narrowed products times the row's largest value to outputs: (out_c,)."""
        x, w, y = (g.tensor(n).params for n in (*self.ins[:2], self.outs[0]))
        real = np.broadcast_to(x.scale * w.scale / y.scale / TOP, g.tensor(self.ins[2]).shape)
        return dynamic_multipliers(self.name, real)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        x, w = g.tensor(self.ins[0]), g.integers(self.ins[1])
        out_c, in_c = w.shape
        check_row(self.name, in_c)
        factor, right = wide_factors(*self._multipliers(g))
        kernel = plain.pick(plain.DYNAMIC_DENSE, target)
        low, high = clamp_bounds(self.act, g.tensor(self.outs[0]).params)
        fields = (("rows", x.size // in_c), ("in_c", in_c), ("out_c", out_c),
                  ("in_zero", 0), ("out_zero", 0), ("act_min", low), ("act_max", high),
                  ("weights", Blob("weights", "int8_t", w.reshape(-1).astype(np.int8),
                                   "(out_c, in_c)", align=16)),
                  ("bias", Blob("bias", "int32_t", g.integers(self.ins[2]).astype(np.int32))),
                  ("mult", Blob("mult", "int16_t", factor, "Q15")),
                  ("shift", Blob("shift", "int8_t", right, "to the right")))
        return (Call(name=self.name, op="DynamicDense", func=kernel.func, struct="eq_dense_s16_t",
                     fields=fields, ins=self.ins[:1], outs=self.outs, sources=kernel.sources,
                     overlap=(None,), scratch=in_c, macs=self.macs(g)),)
