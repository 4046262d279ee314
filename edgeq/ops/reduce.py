"""Mean and Sum over axes that lie side by side, or that a transpose brings there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar

import numpy as np
import tflite

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray, Tensor, dtype_of
from edgeq.kernels import plain
from edgeq.ops.base import Limit, Op, Shape
from edgeq.ops.gather import Transpose
from edgeq.ops.reshape import Reshape
from edgeq.plan import Call
from edgeq.readers.node import TfliteNode
from edgeq.requant import quantize_multiplier, requantize


def _over_batch(op: Op, g: Graph) -> str:
    assert isinstance(op, Reduce)
    return "the batch axis is reduced" if 0 in op.axes else ""


def _scattered(op: Op, g: Graph) -> str:
    assert isinstance(op, Reduce)
    shape = g.tensor(op.ins[0]).shape
    return "" if _side_by_side(shape, op.axes) else f"axes {op.axes} of {shape}"


def _side_by_side(shape: Shape, axes: tuple[int, ...]) -> bool:
    real = [i for i, size in enumerate(shape) if size > 1]
    held = [real.index(a) for a in axes if a in real]
    return not held or max(held) - min(held) < len(held)


def _too_many(op: Op, g: Graph) -> str:
    assert isinstance(op, Reduce)
    x = g.tensor(op.ins[0])
    count = prod(x.shape[a] for a in op.axes)
    return f"{count} values" if x.q is not None and x.q.bits == 16 and count >= 1 << 16 else ""


@dataclass(frozen=True, kw_only=True)
class Reduce(Op):
    """What Mean and Sum share: `axes` ascending, not negative, without the batch."""

    axes: tuple[int, ...]
    keep_dims: bool = False

    wide: ClassVar[bool] = True
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("the batch axis is kept", _over_batch, "reduce other axes"),
        Limit("fewer than 65536 values of 16 bits", _too_many, "reduce in two steps"),
        Limit("neighbouring axes", _scattered, "transpose before"),
    )

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        rank = len(node.shape(0))
        axes = tuple(sorted({int(a) % rank for a in node.const(1).reshape(-1).tolist()}))
        keep = bool(node.options(tflite.ReducerOptions).KeepDims())
        op = cls(name=node.name, ins=node.ins[:1], outs=node.outs, axes=axes, keep_dims=keep)
        return op if _side_by_side(node.shape(0), axes) else op._turned(node)

    def _turned(self, node: TfliteNode) -> tuple[Op, ...]:
        """The same with the reduced axes brought to the end, side by side."""
        x, out = node.tensors[self.ins[0]], node.tensors[self.outs[0]]
        lifted, turned, result = (f"{self.name}/{part}" for part in ("lifted", "turned", "result"))
        kept = tuple(i for i in range(len(x.shape)) if i not in self.axes)
        order = (0, *(i + 1 for i in kept), *(i + 1 for i in self.axes))
        image = (1, *x.shape)
        node.tensors[lifted] = Tensor(lifted, image, None, x.q)
        node.tensors[turned] = Tensor(turned, tuple(image[i] for i in order), None, x.q)
        node.tensors[result] = Tensor(result, (1, *(x.shape[i] for i in kept)), None, out.q)
        (to,) = self.shape(x.shape)
        return (Reshape(name=lifted, ins=self.ins, outs=(lifted,), to=image),
                Transpose(name=f"{self.name}_order", ins=(lifted,), outs=(turned,), perm=order),
                replace(self, ins=(turned,), outs=(result,), keep_dims=False,
                        axes=tuple(range(len(kept) + 1, len(order)))),
                Reshape(name=f"{self.name}_shape", ins=(result,), outs=self.outs, to=to))

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        kept = (1 if i in self.axes else size for i, size in enumerate(ins[0]))
        if self.keep_dims:
            return (tuple(kept),)
        return (tuple(s for i, s in enumerate(ins[0]) if i not in self.axes),)

    def factor(self, g: Graph, count: int) -> tuple[int, int]:
        """Multiplier and shift of the sum over `count` values."""
        x, y = g.tensor(self.ins[0]).params, g.tensor(self.outs[0]).params
        # a larger factor saturates all the same; 255 * count times this one stays within int32
        most = self.largest(count) / 2.0 ** (x.bits - 8)
        return quantize_multiplier(min(float(x.scale) / float(y.scale), most))

    def largest(self, count: int) -> float:
        """The largest factor before `count` divides it."""
        return 2.0 ** (21 - count.bit_length())

    def _count(self, g: Graph) -> int:
        shape = g.tensor(self.ins[0]).shape
        return prod(shape[a] for a in self.axes)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        x, y = g.tensor(self.ins[0]).params, g.tensor(self.outs[0]).params
        count = self._count(g)
        total = qs[0].sum(self.axes, dtype=np.int64, keepdims=self.keep_dims) - count * int(x.zero)
        scaled = requantize(total, *self.factor(g, count)) + int(y.zero)
        return (np.clip(scaled, y.qmin, y.qmax).astype(dtype_of(y.bits)),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        shape, count = g.tensor(self.ins[0]).shape, self._count(g)
        last = max((a for a in self.axes if shape[a] > 1), default=0)
        inner = prod(shape[i] for i in range(last + 1, len(shape)) if i not in self.axes)
        kernel, (mult, shift) = plain.pick(plain.MEAN, target), self.factor(g, count)
        loops = (("outer", prod(shape) // (count * inner)), ("n", count), ("inner", inner))
        if g.tensor(self.outs[0]).params.bits == 16:
            return (Call(name=self.name, op=type(self).__name__, func="eq_mean_s16",
                         struct="eq_mean_s16_t", fields=(*loops, ("mult", mult), ("shift", shift)),
                         ins=self.ins, outs=self.outs, sources=("ops/eq_mean_s16.c",),
                         overlap=(None,)),)
        fields = (*loops, ("bias", -count * int(g.tensor(self.ins[0]).params.zero)), ("mult", mult),
                  ("shift", shift), ("out_zero", int(g.tensor(self.outs[0]).params.zero)))
        return (Call(name=self.name, op=type(self).__name__, func=kernel.func,
                     struct="eq_mean_s8_t", fields=fields, ins=self.ins, outs=self.outs,
                     sources=kernel.sources, overlap=(None,)),)


@dataclass(frozen=True, kw_only=True)
class Mean(Reduce):
    """y = mean of x over the axes."""

    tflite_names: ClassVar[tuple[str, ...]] = ("MEAN",)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return (xs[0].mean(self.axes, dtype=np.float32, keepdims=self.keep_dims),)

    def largest(self, count: int) -> float:
        return 2.0**20

    def factor(self, g: Graph, count: int) -> tuple[int, int]:
        """TFLite's QuantizedMeanOrSum: the count divides the multiplier, rounding down."""
        mult, shift = super().factor(g, count)
        room = min(count.bit_length() - 1, 32, 31 + shift)
        return (mult << room) // count, shift - room


@dataclass(frozen=True, kw_only=True)
class Sum(Reduce):
    """y = sum of x over the axes."""

    tflite_names: ClassVar[tuple[str, ...]] = ("SUM",)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return (xs[0].sum(self.axes, dtype=np.float32, keepdims=self.keep_dims),)
