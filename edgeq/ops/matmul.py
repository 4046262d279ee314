"""MatMul: product of two tensors that are both computed at run time (attention)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np
import tflite

from edgeq.board import Target
from edgeq.errors import ModelError
from edgeq.ir import Array, FloatArray, Graph, IntArray
from edgeq.kernels import plain
from edgeq.ops.base import Limit, Op, Shape
from edgeq.ops.lut import clamp_int8, float32_scale
from edgeq.plan import Call
from edgeq.readers.node import TfliteNode
from edgeq.requant import quantize_multiplier, requantize, requantize_wide, wide_factors

Axes = tuple[int, ...]

_PANEL = 4  # columns that the kernel takes at once
_LONGEST = 1 << 14  # terms of a sum: 2**16 each, which leaves a factor of 2


@dataclass(frozen=True)
class Loops:
    """The product as the kernel runs it, offsets in values; `outer` and `inner` are batches.

    Where it is `turned`, the operands and their roles have changed places: columns are rows.
    """

    outer: int
    inner: int
    rows: int
    cols: int
    k: int
    a: tuple[int, int, int, int]  # of one step: outer, inner, row, term
    b: tuple[int, int, int, int]  # outer, inner, column, term
    y: tuple[int, int, int, int]  # outer, inner, row, column
    turned: bool = False

    def turn(self) -> Loops:
        """The transposed product."""
        return Loops(self.outer, self.inner, self.cols, self.rows, self.k, self.b, self.a,
                     (*self.y[:2], self.y[3], self.y[2]), not self.turned)

    def fields(self) -> tuple[tuple[str, int], ...]:
        """The first fields of eq_matmul_s8_t."""
        sizes = (("outer", self.outer), ("inner", self.inner), ("rows", self.rows),
                 ("cols", self.cols), ("k", self.k))
        ends = (("a", ("row", "k"), self.a), ("b", ("col", "k"), self.b),
                ("y", ("row", "col"), self.y))
        return (*sizes, *((f"{t}_{axis}", step) for t, last, steps in ends
                          for axis, step in zip(("outer", "inner", *last), steps, strict=True)))


def _moves_batch(op: Op, g: Graph) -> str:
    assert isinstance(op, MatMul)
    for name, axes in zip((*op.ins, op.outs[0]), (op.a_axes, op.b_axes, op.y_axes), strict=True):
        tensor = g.tensor(name)
        if len(axes) > 2 and axes[0] != 0 and not tensor.is_const and tensor.size > 1:
            return f"{name!r} is read in the order {axes}"
    return ""


def _too_many_batches(op: Op, g: Graph) -> str:
    assert isinstance(op, MatMul)
    batches = op.batches(g)
    return "" if len(batches) <= 2 else f"{len(batches)} axes of matrices"


def _too_long(op: Op, g: Graph) -> str:
    assert isinstance(op, MatMul)
    k = g.tensor(op.ins[0]).shape[op.a_axes[-1]]
    return "" if k <= _LONGEST else f"sums of {k} terms"


@dataclass(frozen=True, kw_only=True)
class MatMul(Op):
    """y[..., r, c] = factor * sum(a[..., r, i] * b[..., i, c]), matrices broadcast.

    `a_axes` are the axes of a as (..., r, i), `b_axes` those of b as (..., i, c); `y_axes` orders
    the axes (..., r, c) of the result as they are stored. So transposes cost nothing.
    """

    a_axes: Axes
    b_axes: Axes
    y_axes: Axes
    factor: float = 1.0

    wide: ClassVar[bool] = True
    tflite_names: ClassVar[tuple[str, ...]] = ("BATCH_MATMUL",)
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("the batch axis stays in front", _moves_batch, "transpose other axes"),
        Limit("at most two axes of matrices that do not merge", _too_many_batches,
              "reshape to fewer axes before the product"),
        Limit(f"sums of at most {_LONGEST} terms", _too_long, "split the product"),
    )

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        opts = node.options(tflite.BatchMatMulOptions)
        return cls(name=node.name, ins=node.ins[:2], outs=node.outs,
                   a_axes=plain_axes(len(node.shape(0)), opts.AdjX()),
                   b_axes=plain_axes(len(node.shape(1)), opts.AdjY()),
                   y_axes=plain_axes(max(len(node.shape(0)), len(node.shape(1)))))

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        (a, b), axes = ins, (self.a_axes, self.b_axes)
        fits = all(sorted(x) == list(range(len(s))) and len(s) > 1
                   for s, x in zip(ins, axes, strict=True))
        if fits:
            a, b = (tuple(s[i] for i in x) for s, x in zip(ins, axes, strict=True))
            fits = a[-1] == b[-2]
        try:
            batch = np.broadcast_shapes(a[:-2], b[:-2])
        except ValueError:
            fits = False
        if not fits:
            raise ModelError(self.name, f"a product of {ins[0]} and {ins[1]}",
                             "columns of the one for rows of the other", "export the model again")
        y = (*batch, a[-2], b[-1])
        return (tuple(y[i] for i in self.y_axes),)

    def _product(self, a: Array, b: Array) -> Array:
        """The matrices as stored, multiplied, as stored."""
        y = np.matmul(a.transpose(self.a_axes), b.transpose(self.b_axes))
        return np.ascontiguousarray(y.transpose(self.y_axes))

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        y: FloatArray = self._product(*xs)  # type: ignore[assignment]
        return (y if self.factor == 1.0 else y * np.float32(self.factor),)

    def requantization(self, g: Graph) -> tuple[int, int]:
        """(mult, shift) from sums of products to the output's steps."""
        a, b, y = (g.tensor(n).params for n in (*self.ins, self.outs[0]))
        k = g.tensor(self.ins[0]).shape[self.a_axes[-1]]
        # a larger factor would leave int32; it belongs to outputs finer than any sum needs
        most = 2.0 ** (29 - (k * 255 * 255).bit_length()) if y.bits == 8 else 1.0
        # the product in float32, as TFLite's GetQuantizedConvolutionMultipler has it
        both = float(float32_scale(a) * float32_scale(b))
        return quantize_multiplier(min(self.factor * both / float(y.scale), most))

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        # float64 holds sums of 2**14 products below 2**16 exactly
        a, b = (q.astype(np.float64) - int(g.tensor(n).params.zero)
                for q, n in zip(qs, self.ins, strict=True))
        acc = np.asarray(self._product(a, b), np.int64)
        if qs[0].dtype == np.int16:
            y = requantize_wide(acc, *(np.array(v) for v in self.requantization(g)))
            return (np.clip(y, -32768, 32767).astype(np.int16),)
        y = requantize(acc, *self.requantization(g)) + int(g.tensor(self.outs[0]).params.zero)
        return (clamp_int8(y),)

    def batches(self, g: Graph) -> list[tuple[int, tuple[int, int, int]]]:
        """(size, strides in a, b and y) of the axes of matrices, neighbours merged."""
        return _merged(self._axes(g)[:-3])

    def _axes(self, g: Graph) -> list[tuple[int, tuple[int, int, int]]]:
        """(size, strides in a, b and y) of every axis of matrices, then of r, i, c."""
        views = [_strided(g.tensor(n).shape, axes)
                 for n, axes in zip(self.ins, (self.a_axes, self.b_axes), strict=True)]
        shape = g.tensor(self.outs[0]).shape
        stored = _strided(shape, plain_axes(len(shape)))
        y = [stored[self.y_axes.index(i)] for i in range(len(shape))]  # as (..., r, c)
        batch = []
        for i in range(len(shape) - 2):
            size, step = y[i]
            steps = [0, 0]
            for j, view in enumerate(views):
                at = i - (len(shape) - len(view))
                if at >= 0 and view[at][0] != 1:
                    steps[j] = view[at][1]
            batch.append((size, (steps[0], steps[1], step)))
        (rows, a_row), (k, a_k) = views[0][-2:]
        (_, b_k), (cols, b_col) = views[1][-2:]
        return [*batch, (rows, (a_row, 0, y[-2][1])), (k, (a_k, b_k, 0)),
                (cols, (0, b_col, y[-1][1]))]

    def loops(self, g: Graph) -> Loops:
        """How the kernel runs: terms of a side by side where either operand has them so."""
        batch = [(1, (0, 0, 0))] * 2 + self.batches(g)
        (outer, so), (inner, si) = batch[-2:]
        (rows, sr), (k, sk), (cols, sc) = self._axes(g)[-3:]
        way = Loops(outer, inner, rows, cols, k, (so[0], si[0], sr[0], sk[0]),
                    (so[1], si[1], sc[1], sk[1]), (so[2], si[2], sr[2], sc[2]))
        return way.turn() if way.a[3] != 1 and way.b[3] == 1 else way

    def macs(self, g: Graph) -> int:
        return g.tensor(self.outs[0]).size * g.tensor(self.ins[0]).shape[self.a_axes[-1]]

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        way, (mult, shift) = self.loops(g), self.requantization(g)
        ins = self.ins[::-1] if way.turned else self.ins
        if g.tensor(self.outs[0]).params.bits == 16:
            factor, right = wide_factors(np.array(mult), np.array(shift))
            return (Call(name=self.name, op="MatMul", func="eq_matmul_s16",
                         struct="eq_matmul_s16_t",
                         fields=(*way.fields(), ("shift", int(right)), ("mult", int(factor))),
                         ins=ins, outs=self.outs,
                         sources=("ops/eq_matmul_s16.c", "ops/eq_dot_s16.h"),
                         overlap=(None, None), macs=self.macs(g)),)
        zeros = [int(g.tensor(n).params.zero) for n in (*ins, self.outs[0])]
        kernel = plain.pick(plain.MATMUL, target)
        packed = (0 if way.b[3] == 1 else _PANEL * way.k) + (0 if way.a[3] == 1 else way.k)
        fields = (*way.fields(), ("a_zero", zeros[0]), ("b_zero", zeros[1]),
                  ("out_zero", zeros[2]), ("shift", shift), ("mult", mult))
        return (Call(name=self.name, op="MatMul", func=kernel.func, struct="eq_matmul_s8_t",
                     fields=fields, ins=ins, outs=self.outs, sources=kernel.sources,
                     overlap=(None, None), scratch=packed, macs=self.macs(g)),)


def plain_axes(rank: int, swap: bool = False) -> Axes:
    """The axes of a tensor in their order, the last two exchanged where `swap`."""
    axes = tuple(range(rank))
    return (*axes[:-2], axes[-1], axes[-2]) if swap else axes


def _strided(shape: Shape, axes: Axes) -> list[tuple[int, int]]:
    """(size, stride) of the axes of a row-major tensor, in the order `axes`."""
    return [(shape[i], prod(shape[i + 1:])) for i in axes]


def _merged(axes: list[tuple[int, tuple[int, int, int]]]
            ) -> list[tuple[int, tuple[int, int, int]]]:
    """Axes wider than 1, neighbours as one where every stride goes on."""
    merged: list[tuple[int, tuple[int, int, int]]] = []
    for size, steps in axes:
        if size == 1:
            continue
        if merged and all(m == size * s for m, s in zip(merged[-1][1], steps, strict=True)):
            merged[-1] = (merged[-1][0] * size, steps)
        else:
            merged.append((size, steps))
    return merged
