"""Requantize: the same values under other parameters, between 8 and 16 bits too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.ir import Graph, IntArray, QuantParams, dtype_of
from edgeq.kernels import plain
from edgeq.ops.lut import Unary, clamp_int8, scaled_codes
from edgeq.plan import Call
from edgeq.requant import quantize_multiplier, requantize

_MOST_8, _MOST_16 = 2.0**20, 2.0**13  # larger factors saturate all the same, and stay in int32


@dataclass(frozen=True, kw_only=True)
class Requantize(Unary):
    """y = x under other quantization parameters, of 8 or 16 bits (TFLite's QUANTIZE)."""

    bits: int = 8  # of the output, where quantization has to choose its parameters

    wide: ClassVar[bool] = True

    def fn(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return x

    def table(self, q_in: QuantParams, q_out: QuantParams) -> NDArray[np.int8]:
        return requantize_table(q_in, q_out)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        q_in, q_out = self._params(g)
        if _narrow(q_in, q_out):
            return super().run_int(g, *qs)
        return (requantized(qs[0], q_in, q_out),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        q_in, q_out = self._params(g)
        if _narrow(q_in, q_out):
            return super().lower(g, target)
        mult, shift = multiplier(q_in, q_out)
        kernels, n = plain.REQUANTIZE[q_in.bits, q_out.bits], g.tensor(self.ins[0]).size
        kernel = plain.pick(kernels, target)
        fields = (("n", n), ("in_zero", int(q_in.zero)), ("out_zero", int(q_out.zero)),
                  ("shift", shift), ("mult", mult))
        # a growing element may be written only where all before it have been read
        return (Call(name=self.name, op="Requantize", func=kernel.func,
                     struct="eq_requantize_t", fields=fields, ins=self.ins, outs=self.outs,
                     sources=kernel.sources, overlap=(n if q_in.bits == 8 else 0,)),)

    def _params(self, g: Graph) -> tuple[QuantParams, QuantParams]:
        return g.tensor(self.ins[0]).params, g.tensor(self.outs[0]).params


def _narrow(q_in: QuantParams, q_out: QuantParams) -> bool:
    return q_in.bits == q_out.bits == 8


def requantized(x: IntArray, q_in: QuantParams, q_out: QuantParams) -> IntArray:
    """`x` under other parameters, of which at least one set has 16 bits."""
    y = requantize(x.astype(np.int64) - int(q_in.zero), *multiplier(q_in, q_out)) + int(q_out.zero)
    return np.clip(y, q_out.qmin, q_out.qmax).astype(dtype_of(q_out.bits))


def multiplier(q_in: QuantParams, q_out: QuantParams) -> tuple[int, int]:
    """The factor from input steps to output steps."""
    most = _MOST_8 if q_in.bits == 8 else _MOST_16
    return quantize_multiplier(min(float(q_in.scale / q_out.scale), most))


def requantize_table(q_in: QuantParams, q_out: QuantParams) -> NDArray[np.int8]:
    """TFLite's Requantize for every code."""
    return clamp_int8(scaled_codes(q_in, q_out, float(q_in.scale / q_out.scale)))
