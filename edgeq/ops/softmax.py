"""Softmax over the last axis, in TensorFlow Lite's fixed point."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, prod
from typing import ClassVar

import numpy as np
import tflite
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.fixedpoint import exp_on_negative, reciprocal_of_one_plus
from edgeq.ir import FloatArray, Graph, IntArray, dtype_of
from edgeq.kernels import plain
from edgeq.ops import softmax16
from edgeq.ops.base import Fixed, Limit, Op, Rule, Shape
from edgeq.plan import Blob, Call
from edgeq.readers.node import TfliteNode
from edgeq.requant import doubling_high_mul, quantize_multiplier, rounding_shift

_INT_BITS = 5  # integer bits of the scaled difference
_SUM_BITS = 12  # integer bits of the sum


def _too_wide(op: Op, g: Graph) -> str:
    width = g.tensor(op.ins[0]).shape[-1]
    return "" if width < 1 << _SUM_BITS else f"{width} values"


def _too_steep(op: Op, g: Graph) -> str:
    q = g.tensor(op.ins[0]).q
    assert isinstance(op, Softmax)
    steep = q is not None and q.bits == 16 and float(q.scale) * op.beta >= 2.0
    return "a step of 2 or more" if steep else ""


def _narrowing(op: Op, g: Graph) -> str:
    x, y = (g.tensor(n).q for n in (op.ins[0], op.outs[0]))
    narrow = x is not None and y is not None and x.bits == 16 and y.bits == 8
    return "an 8-bit output" if narrow else ""


def normalized(e: NDArray[np.int64], bits: int) -> IntArray:
    """Exponentials in Q31, of which one in each row is about 1, over their sum, in `bits`."""
    total = rounding_shift(e, _SUM_BITS).sum(-1, keepdims=True)  # Q19
    headroom = 32 - np.frexp(total)[1].astype(np.int64)  # leading zeros of 32 bits
    scale = reciprocal_of_one_plus((total << headroom) - (1 << 31))
    y = rounding_shift(doubling_high_mul(scale, e), _SUM_BITS - headroom + 31 - bits)
    half = 1 << (bits - 1)
    return np.clip(y - half, -half, half - 1).astype(dtype_of(bits))


@dataclass(frozen=True, kw_only=True)
class Softmax(Op):
    """y = e^(beta * x) / sum(e^(beta * x)) over the last axis."""

    beta: float = 1.0

    wide: ClassVar[bool] = True
    tflite_names: ClassVar[tuple[str, ...]] = ("SOFTMAX",)
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("fewer than 4096 values", _too_wide, "leave the softmax out of the model"),
        Limit("16-bit outputs for 16-bit inputs", _narrowing, "export the model again"),
        Limit("16-bit inputs with steps below 2", _too_steep, "leave the softmax out of the model"),
    )

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        beta = float(node.options(tflite.SoftmaxOptions).Beta())
        return cls(name=node.name, ins=node.ins, outs=node.outs, beta=beta)

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        return (ins[0],)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        x = xs[0] * np.float32(self.beta)
        e = np.exp(x - x.max(-1, keepdims=True))
        return (e / e.sum(-1, keepdims=True),)

    def rule(self) -> Rule:
        return Fixed(1 / 256, -128)

    def _scaling(self, g: Graph) -> tuple[int, int, int]:
        """(mult, left shift) of a difference to Q26, and the largest one that still counts."""
        scale = float(g.tensor(self.ins[0]).params.scale)
        real = min(self.beta * scale * (1 << (31 - _INT_BITS)), (1 << 31) - 1.0)
        mult, shift = quantize_multiplier(real)
        return mult, shift, floor(((1 << _INT_BITS) - 1) * (1 << (31 - _INT_BITS)) / 2.0**shift)

    def exp_table(self, g: Graph) -> NDArray[np.int64]:
        """e^(-d * scale * beta) in Q31 for d = 0, 1, ...; what is left out counts as 0.

        Source: PreprocessSoftmaxScaling and CalculateInputRadius of TFLite. Entries that add
        nothing to the sum are too small to change an output, and are cut off at the end.
        """
        mult, shift, radius = self._scaling(g)
        d = np.arange(min(radius, 255) + 1, dtype=np.int64)
        e = exp_on_negative(doubling_high_mul(-(d << shift), mult), _INT_BITS)
        return e[:1 + int(np.flatnonzero(rounding_shift(e, _SUM_BITS)).max())]

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        q = g.tensor(self.ins[0]).params
        if q.bits == 16:
            return (softmax16.softmax16(qs[0], *softmax16.scaling(float(q.scale), self.beta)),)
        x = qs[0].astype(np.int64)
        table = self.exp_table(g)
        e = np.concatenate([table, np.zeros(256 - table.size, np.int64)])[
            x.max(-1, keepdims=True) - x]
        return (normalized(e, g.tensor(self.outs[0]).params.bits),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        if g.tensor(self.ins[0]).params.bits == 16:
            return (self._wide_call(g),)
        shape, table = g.tensor(self.ins[0]).shape, self.exp_table(g)
        kernel = plain.pick(plain.SOFTMAX, target)
        wide_out = g.tensor(self.outs[0]).params.bits == 16
        if wide_out:
            kernel = plain.Kernel("eq_softmax_s8_s16", "c", "ops/eq_softmax_s8_s16.c",
                                  ("ops/eq_softmax_scale.h",))
        if not kernel.slides:
            return (self._cmsis_call(g, kernel),)
        blob = Blob("exp", "int32_t", table.astype(np.int32), "Q31, by distance to the maximum")
        fields = (("rows", prod(shape[:-1])), ("c", shape[-1]), ("n_exp", table.size),
                  ("exp", blob))
        return (Call(name=self.name, op="Softmax", func=kernel.func, struct="eq_softmax_s8_t",
                     fields=fields, ins=self.ins, outs=self.outs, sources=kernel.sources,
                     overlap=(None if wide_out else 0,)),)

    def _wide_call(self, g: Graph) -> Call:
        """The call for 16-bit activations."""
        x = g.tensor(self.ins[0])
        mult, shift = softmax16.scaling(float(x.params.scale), self.beta)
        tables = (Blob("exp", "int16_t", softmax16.exp_table(), "Q15, e^x on [-10, 0]"),
                  Blob("reciprocal", "int16_t", softmax16.reciprocal_table(), "Q15, 1 / (1 + x)"))
        fields = (("rows", prod(x.shape[:-1])), ("c", x.shape[-1]), ("mult", mult),
                  ("shift", shift), ("exp", tables[0]), ("reciprocal", tables[1]))
        return Call(name=self.name, op="Softmax", func="eq_softmax_s16",
                    struct="eq_softmax_s16_t", fields=fields, ins=self.ins, outs=self.outs,
                    sources=("ops/eq_softmax_s16.c",), overlap=(0,))

    def _cmsis_call(self, g: Graph, kernel: plain.Kernel) -> Call:
        """CMSIS-NN computes the exponentials itself."""
        shape, (mult, shift, radius) = g.tensor(self.ins[0]).shape, self._scaling(g)
        fields = (("rows", prod(shape[:-1])), ("c", shape[-1]), ("mult", mult), ("shift", shift),
                  ("diff_min", -radius))
        return Call(name=self.name, op="Softmax", func=kernel.func, struct="eq_softmax_cmsis_t",
                    fields=fields, ins=self.ins, outs=self.outs, sources=kernel.sources,
                    overlap=(None,))
