"""LogSoftmax: logarithm of a softmax over the last axis."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels import plain
from edgeq.ops.base import Limit, Op, Shape
from edgeq.plan import Blob, Call
from edgeq.readers.node import TfliteNode
from edgeq.requant import quantize_multiplier, requantize

_SUM_BITS = 20  # behind the point of exponentials: 2047 of them stay below 2^31
_LN_BITS = 16
_LN_2 = 45426  # in Q16


def _long(op: Op, g: Graph) -> str:
    c = g.tensor(op.ins[0]).shape[-1:]
    return "" if c and c[0] < 1 << 11 else f"rows of {c}"


def _coarse(op: Op, g: Graph) -> str:
    q = g.tensor(op.ins[0]).q
    return "" if q is None or float(q.scale) <= 32 else f"a scale of {float(q.scale):g}"


@dataclass(frozen=True, kw_only=True)
class LogSoftmax(Op):
    """y = x - ln(sum(e^x)) over the last axis; on integers within one step of the real value."""

    tflite_names: ClassVar[tuple[str, ...]] = ("LOG_SOFTMAX",)
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("rows of fewer than 2048 values", _long, "take a softmax instead"),
        Limit("an input scale of at most 32", _coarse, "scale the layer before"),
    )

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        return cls(name=node.name, ins=node.ins, outs=node.outs)

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        return (ins[0],)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        below = xs[0] - xs[0].max(-1, keepdims=True)
        return (below - np.log(np.exp(below).sum(-1, keepdims=True)),)

    def _exponentials(self, g: Graph) -> NDArray[np.int64]:
        """e^-d in Q20 for every distance of integers, without zeros at the end."""
        scale = float(g.tensor(self.ins[0]).params.scale)
        e = np.asarray(np.rint(np.exp(-scale * np.arange(256)) * (1 << _SUM_BITS)), np.int64)
        return e[:1 + int(np.flatnonzero(e).max())]

    def _logarithms(self) -> NDArray[np.int64]:
        """ln(1 + i / 256) in Q16."""
        return np.asarray(np.rint(np.log1p(np.arange(257) / 256) * (1 << _LN_BITS)), np.int64)

    def _step(self, g: Graph) -> int:
        """The input's scale in Q24."""
        return round(float(g.tensor(self.ins[0]).params.scale) * (1 << 24))

    def _factor(self, g: Graph) -> tuple[int, int]:
        real = 2.0**-_LN_BITS / float(g.tensor(self.outs[0]).params.scale)
        return quantize_multiplier(min(real, 1 - 2.0**-31))

    def _ln(self, x: NDArray[np.int64]) -> NDArray[np.int64]:
        """ln(x / 2^20) in Q16 for 2^20 <= x < 2^31, between the table's entries by lines."""
        bits = np.asarray(np.frexp(x.astype(np.float64))[1], np.int64) - 1
        whole, table = x << (31 - bits), self._logarithms()
        at, part = (whole >> 23) & 255, (whole >> 7) & 65535
        between = (table[at + 1] - table[at]) * part >> 16
        return np.asarray(table[at] + between + (bits - _SUM_BITS) * _LN_2)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        x, y = qs[0].astype(np.int64), g.tensor(self.outs[0]).params
        table = self._exponentials(g)
        e = np.concatenate([table, np.zeros(256 - table.size, np.int64)])
        d = x.max(-1, keepdims=True) - x
        below = (d * self._step(g) >> 8) + self._ln(e[d].sum(-1, keepdims=True))
        return (np.clip(int(y.zero) - requantize(below, *self._factor(g)), -128, 127).astype(
            np.int8),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        shape, (mult, shift) = g.tensor(self.ins[0]).shape, self._factor(g)
        e, kernel = self._exponentials(g), plain.pick(plain.LOG_SOFTMAX, target)
        fields = (("rows", prod(shape[:-1])), ("c", shape[-1]), ("n_exp", e.size),
                  ("step", self._step(g)), ("mult", mult), ("shift", shift),
                  ("out_zero", int(g.tensor(self.outs[0]).params.zero)),
                  ("exp", Blob("exp", "int32_t", e.astype(np.int32), "Q20, e^-distance")),
                  ("ln", Blob("ln", "int32_t", self._logarithms().astype(np.int32),
                              "Q16, ln(1 + i / 256)")))
        return (Call(name=self.name, op="LogSoftmax", func=kernel.func,
                     struct="eq_logsoftmax_s8_t", fields=fields, ins=self.ins, outs=self.outs,
                     sources=kernel.sources, overlap=(0,)),)
