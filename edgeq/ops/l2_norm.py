"""L2Norm: every row of values brought to a length of 1, in TensorFlow Lite's fixed point."""

from __future__ import annotations

from dataclasses import dataclass
from math import frexp
from typing import ClassVar

import numpy as np
import tflite

from edgeq.board import Target
from edgeq.fixedpoint import inverse_length
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels import plain
from edgeq.ops.base import Act, Limit, Op, Shape
from edgeq.ops.lut import clamp_int8
from edgeq.plan import Call
from edgeq.readers.node import TfliteNode
from edgeq.requant import doubling_high_mul, quantize_multiplier, requantize

_LONGEST = ((1 << 31) - 1) // 255**2  # values whose squares are summed in int32


def _too_long(op: Op, g: Graph) -> str:
    c = g.tensor(op.ins[0]).shape[-1]
    return "" if c <= _LONGEST else f"{c} values"


def _only_batch(op: Op, g: Graph) -> str:
    return "" if len(g.tensor(op.ins[0]).shape) > 1 else "one axis"


@dataclass(frozen=True, kw_only=True)
class L2Norm(Op):
    """y = x / sqrt(sum of x^2) over the last axis; a row of zeros gives zeros."""

    tflite_names: ClassVar[tuple[str, ...]] = ("L2_NORMALIZATION",)
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("a batch and channels", _only_batch, "reshape before"),
        Limit(f"at most {_LONGEST} values", _too_long, "normalize outside the model"),
    )

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        act = node.act(node.options(tflite.L2NormOptions).FusedActivationFunction())
        node.require(act is Act.NONE, f"fused {act.value}", "no activation", "put it behind")
        return cls(name=node.name, ins=node.ins, outs=node.outs)

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        return (ins[0],)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        size = np.sqrt((xs[0] ** 2).sum(-1, keepdims=True))
        return (xs[0] / np.where(size > 0, size, np.float32(1)),)

    def _factor(self, g: Graph) -> tuple[int, int]:
        """(mult, shift) of 1 / step of the output; mult 0 for 1, as TFLite's step of 1/128 has it.
        """
        # a larger factor saturates all the same; with this one 255 keeps within int32
        real = min(1 / float(g.tensor(self.outs[0]).params.scale), 2.0**20)
        fraction, exponent = frexp(real)
        return (0, exponent - 1) if fraction == 0.5 else quantize_multiplier(real)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        x = qs[0].astype(np.int64) - int(g.tensor(self.ins[0]).params.zero)
        y, (mult, shift) = g.tensor(self.outs[0]).params, self._factor(g)
        inverse, right = inverse_length((x * x).sum(-1, keepdims=True))
        if mult:
            inverse = doubling_high_mul(inverse, mult)
        scaled = requantize(x, inverse, shift - right)
        return (clamp_int8(scaled + int(y.zero), y.qmin, y.qmax),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        x, y = g.tensor(self.ins[0]), g.tensor(self.outs[0])
        kernel, (mult, shift) = plain.pick(plain.L2_NORM, target), self._factor(g)
        fields = (("n", x.size // x.shape[-1]), ("c", x.shape[-1]), ("zero", int(x.params.zero)),
                  ("out_zero", int(y.params.zero)), ("shift", shift), ("mult", mult))
        return (Call(name=self.name, op="L2Norm", func=kernel.func, struct="eq_l2norm_s8_t",
                     fields=fields, ins=self.ins, outs=self.outs, sources=kernel.sources,
                     overlap=(0,)),)
