"""RowSums and MeanOfSums: an average over a window of time in two steps, of which the first keeps.

Made by streaming with `--stream-save ram`: the sums of a row are few values, so that a window of
them costs less memory than the rows themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray, QuantParams
from edgeq.kernels import plain
from edgeq.ops.base import Act, Limit, Op, Shape, clamp_bounds
from edgeq.ops.mac import apply_act
from edgeq.plan import Call

MOST_VALUES = 255  # of one sum, so that it has 16 bits


def _too_long(op: Op, g: Graph) -> str:
    assert isinstance(op, RowSums)
    n = g.tensor(op.ins[0]).shape[3 - op.axis]
    return "" if n <= MOST_VALUES else f"{n} values"


@dataclass(frozen=True, kw_only=True)
class RowSums(Op):
    """y[r, c] = sum of x over the other axis than `axis` (1 or 2) and c: (1, rows, c) of x NHWC.

    y has 16 bits, the scale of x, and n times its zero point for n values a sum.
    """

    axis: int

    wide: ClassVar[bool] = True
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit(f"at most {MOST_VALUES} values a sum", _too_long, "build without --stream-save"),)

    @staticmethod
    def params(x: QuantParams, n: int) -> QuantParams:
        """Of the sums of `n` values with the parameters `x`."""
        return QuantParams(x.scale, np.asarray(n * int(x.zero), np.int32), 16)

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        (x,) = ins
        return ((x[0], x[self.axis], x[3]),)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return (np.asarray(xs[0].sum(3 - self.axis), np.float32),)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        return (qs[0].sum(3 - self.axis, dtype=np.int64).astype(np.int16),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        _, h, w, c = g.tensor(self.ins[0]).shape
        rows, n = (h, w) if self.axis == 1 else (w, h)
        steps = (w * c, c) if self.axis == 1 else (c, w * c)
        fields = (("rows", rows), ("n", n), ("c", c), ("row_step", steps[0]), ("step", steps[1]))
        kernel = plain.pick(plain.ROW_SUMS, target)
        return (Call(name=self.name, op="RowSums", func=kernel.func, struct="eq_rowsums_s8_t",
                     fields=fields, ins=self.ins, outs=self.outs, sources=kernel.sources,
                     overlap=(None,)),)


@dataclass(frozen=True, kw_only=True)
class MeanOfSums(Op):
    """y = act(sum of the rows of x / count): x (1, rows, c) of RowSums, y of the shape `to`.

    `count` is the number of values in all sums; halves round away from zero, or upwards.
    """

    to: Shape
    count: int
    act: Act = Act.NONE
    halves_up: bool = False

    wide: ClassVar[bool] = True

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        return ((ins[0][0], *self.to[1:]) if prod(self.to[1:]) == ins[0][2] else ins[0],)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        mean = xs[0].sum(1) / np.float32(self.count)
        return (apply_act(mean, self.act).reshape(-1, *self.to[1:]),)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        total, half = qs[0].sum(1, dtype=np.int64), self.count // 2
        mean = (total + half) // self.count if self.halves_up else np.sign(total) * (
            (np.abs(total) + half) // self.count)
        low, high = clamp_bounds(self.act, g.tensor(self.outs[0]).params)
        return (np.clip(mean, low, high).astype(np.int8).reshape(-1, *self.to[1:]),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        _, rows, c = g.tensor(self.ins[0]).shape
        low, high = clamp_bounds(self.act, g.tensor(self.outs[0]).params)
        fields = (("rows", rows), ("c", c), ("count", self.count),
                  ("halves_up", int(self.halves_up)), ("act_min", low), ("act_max", high))
        kernel = plain.pick(plain.MEAN_OF_SUMS, target)
        return (Call(name=self.name, op="MeanOfSums", func=kernel.func,
                     struct="eq_mean_of_sums_s8_t", fields=fields, ins=self.ins, outs=self.outs,
                     sources=kernel.sources, overlap=(None,)),)
