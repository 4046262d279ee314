"""CumSum: running sums along one axis."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar, TypeVar

import numpy as np

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels import plain
from edgeq.ops.base import Limit, Op, Shape
from edgeq.plan import Call
from edgeq.requant import quantize_multiplier, requantize

A = TypeVar("A", FloatArray, IntArray)


def _over_batch(op: Op, g: Graph) -> str:
    assert isinstance(op, CumSum)
    return "the batch axis" if op.axis == 0 else ""


def _long(op: Op, g: Graph) -> str:
    assert isinstance(op, CumSum)
    n = g.tensor(op.ins[0]).shape[op.axis]
    return "" if n < 1 << 20 else f"{n} values"


@dataclass(frozen=True, kw_only=True)
class CumSum(Op):
    """y = sum of the values of x up to each place along `axis`.

    Without the value at that place where `exclusive`; counted from the end where `reverse`.
    """

    axis: int
    exclusive: bool = False
    reverse: bool = False

    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("an axis behind the batch", _over_batch, "sum along another axis"),
        Limit("fewer than 2^20 values", _long, "sum in parts"),
    )

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        return (ins[0],)

    def _sums(self, x: A) -> A:
        x = np.flip(x, self.axis) if self.reverse else x
        total = np.cumsum(x, self.axis, dtype=x.dtype)
        if self.exclusive:
            total -= x
        return np.flip(total, self.axis) if self.reverse else total

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return (self._sums(xs[0].astype(np.float64)).astype(np.float32),)

    def _factor(self, g: Graph) -> tuple[int, int]:
        x, y = g.tensor(self.ins[0]), g.tensor(self.outs[0])
        # a larger factor saturates all the same; 255 values' sums times this one stay within int32
        most = 2.0 ** (21 - x.shape[self.axis].bit_length())
        return quantize_multiplier(min(float(x.params.scale) / float(y.params.scale), most))

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        x, y = (g.tensor(n).params for n in (self.ins[0], self.outs[0]))
        total = self._sums(qs[0].astype(np.int64) - int(x.zero))
        scaled = requantize(total, *self._factor(g)) + int(y.zero)
        return (np.clip(scaled, -128, 127).astype(np.int8),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        shape, (mult, shift) = g.tensor(self.ins[0]).shape, self._factor(g)
        zeros = [int(g.tensor(n).params.zero) for n in (self.ins[0], self.outs[0])]
        fields = (("outer", prod(shape[:self.axis])), ("n", shape[self.axis]),
                  ("inner", prod(shape[self.axis + 1:])), ("mult", mult), ("shift", shift),
                  ("in_zero", zeros[0]), ("out_zero", zeros[1]),
                  ("exclusive", int(self.exclusive)), ("reverse", int(self.reverse)))
        kernel = plain.pick(plain.CUMSUM, target)
        return (Call(name=self.name, op="CumSum", func=kernel.func, struct="eq_cumsum_s8_t",
                     fields=fields, ins=self.ins, outs=self.outs, sources=kernel.sources,
                     overlap=(None,)),)
