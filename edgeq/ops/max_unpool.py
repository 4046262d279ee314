"""MaxPlace and MaxUnpool: where the maximum of each window lies, and values put back there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels import plain
from edgeq.ops.base import Integers, Limit, Op, Rule, SameAsInput, Shape
from edgeq.ops.pool import Windowed
from edgeq.plan import Call

A = TypeVar("A", FloatArray, IntArray)


def _large(op: Op, g: Graph) -> str:
    assert isinstance(op, MaxPlace)
    return "" if op.kernel[0] * op.kernel[1] <= 128 else f"a window of {op.kernel}"


@dataclass(frozen=True, kw_only=True)
class MaxPlace(Windowed):
    """y = ky * kw + kx of the first maximum in each window, whose size `kernel` is (kh, kw)."""

    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("windows of at most 128 pixels", _large, "use smaller windows"),)

    def rule(self) -> Rule:
        return Integers(8)

    def _places(self, x: A, least: float) -> NDArray[np.int64]:
        """`least` is what padding reads as; the first value inside comes before it."""
        window = self.window

        def flat(image: A, fill: float) -> A:
            """(n, out_h, out_w, kh * kw, c)"""
            patches = window.patches(image, fill)
            return patches.reshape(*patches.shape[:3], -1, patches.shape[5])

        values, inside = flat(x, least), flat(np.ones((1, *x.shape[1:]), np.int8), 0) > 0
        return np.asarray(np.argmax((values == values.max(3, keepdims=True)) & inside, 3))

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return (self._places(xs[0], -np.inf).astype(np.float32),)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        return (self._places(qs[0], -128).astype(np.int8),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        kernel = plain.pick(plain.MAX_PLACE, target)
        return (Call(name=self.name, op="MaxPlace", func=kernel.func, struct="eq_pool_s8_t",
                     fields=self.window_fields(g), ins=self.ins, outs=self.outs,
                     sources=kernel.sources, overlap=(None,)),)


@dataclass(frozen=True, kw_only=True)
class MaxUnpool(Op):
    """y = each value of x at its place in a window of y, 0 elsewhere; the way back of MaxPlace.

    Inputs: x, places of the same shape; `size` is (out_h, out_w). Where windows overlap, the last
    value stays.
    """

    size: tuple[int, int]
    columns: int  # kw: places are ky * kw + kx
    stride: tuple[int, int]
    top: int = 0
    left: int = 0

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        return ((ins[0][0], *self.size, ins[0][3]),)

    def rule(self) -> Rule:
        return SameAsInput()

    def _spread(self, x: A, places: IntArray, zero: int) -> A:
        out = np.full((len(x), *self.size, x.shape[3]), zero, x.dtype)
        at = np.maximum(places.astype(np.int64), 0)
        image, row, column, channel = np.indices(x.shape)
        y = row * self.stride[0] - self.top + at // self.columns
        z = column * self.stride[1] - self.left + at % self.columns
        inside = (y >= 0) & (y < self.size[0]) & (z >= 0) & (z < self.size[1])
        flat = ((image * self.size[0] + y) * self.size[1] + z) * x.shape[3] + channel
        out.reshape(-1)[flat[inside]] = x[inside]  # in order: the last one stays
        return out

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return (self._spread(xs[0], xs[1].astype(np.int64), 0),)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        return (self._spread(qs[0], qs[1], int(g.tensor(self.ins[0]).params.zero)),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        x = g.tensor(self.ins[0])
        fields = (("in_h", x.shape[1]), ("in_w", x.shape[2]), ("c", x.shape[3]),
                  ("out_h", self.size[0]), ("out_w", self.size[1]), ("kw", self.columns),
                  ("stride_h", self.stride[0]), ("stride_w", self.stride[1]),
                  ("pad_top", self.top), ("pad_left", self.left), ("zero", int(x.params.zero)))
        kernel = plain.pick(plain.UNPOOL, target)
        return (Call(name=self.name, op="MaxUnpool", func=kernel.func, struct="eq_unpool_s8_t",
                     fields=fields, ins=self.ins, outs=self.outs, sources=kernel.sources,
                     overlap=(None, None)),)
