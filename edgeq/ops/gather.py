"""Transpose, Slice (with steps) and Split: the same values in another order or only some."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import tflite

from edgeq.board import Target
from edgeq.ir import Array, FloatArray, Graph, IntArray, Tensor, dtype_of
from edgeq.kernels import plain
from edgeq.ops.base import Limit, Op, Rule, SameAsInput, Shape
from edgeq.ops.reshape import Reshape
from edgeq.plan import Call
from edgeq.readers.node import TfliteNode


def merged_axes(view: Array) -> list[tuple[int, int]]:
    """(size, stride) in bytes of a view's axes, neighbours merged where one step of the outer fits.

    A value of several bytes is an axis of its own, the innermost.
    """
    merged: list[tuple[int, int]] = []
    for size, stride in (*zip(view.shape, view.strides, strict=True), (view.itemsize, 1)):
        if size == 1:
            continue
        if merged and merged[-1][1] == size * stride:
            merged[-1] = (merged[-1][0] * size, stride)
        else:
            merged.append((size, stride))
    return merged


def _too_scattered(op: Op, g: Graph) -> str:
    assert isinstance(op, Gather)
    axes = merged_axes(op.view(_stand_in(g, op.ins[0])))
    return "" if len(axes) <= 8 else f"{len(axes)} axes that do not merge"


def _stand_in(g: Graph, name: str) -> Array:
    """An array of the shape and the value size of `name`."""
    q = g.tensor(name).q
    return np.zeros(g.tensor(name).shape, np.int8 if q is None else dtype_of(q.bits))


def _letters(letters: str) -> list[str]:
    """Names of four fields for each letter."""
    return [f"{letter}{i}" for letter in letters for i in range(4)]


@dataclass(frozen=True, kw_only=True)
class Gather(Op):
    """What Transpose and Slice share: the output is a strided view of the input."""

    wide: ClassVar[bool] = True
    moves: ClassVar[bool] = True
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("at most eight axes after merging neighbours", _too_scattered, "split the step"),
    )

    def view(self, x: Array) -> Array:
        """The output as a view of `x`, with any batch in front."""
        raise NotImplementedError

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        return (self.view(np.broadcast_to(np.int8(0), ins[0])).shape,)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return (np.ascontiguousarray(self.view(xs[0])),)

    def rule(self) -> Rule:
        return SameAsInput()

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        return (np.ascontiguousarray(self.view(qs[0])),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        base = _stand_in(g, self.ins[0])
        view = self.view(base)
        axes = merged_axes(view) or [(1, 1)]
        start = view.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        deep = len(axes) > 4
        sizes, strides = zip(*([(1, 0)] * 8 + axes)[-8 if deep else -4:], strict=True)
        fields = (*zip(_letters("mn" if deep else "n"), sizes, strict=True),
                  *zip(_letters("ts" if deep else "s"), strides, strict=True), ("start", start))
        kernel = plain.pick(plain.GATHER_DEEP if deep else plain.GATHER, target)
        return (Call(name=self.name, op=type(self).__name__, func=kernel.func,
                     struct=f"{kernel.func}_t", fields=fields, ins=self.ins, outs=self.outs,
                     sources=kernel.sources, overlap=(None,), as_bytes=True),)


def _moves_batch(op: Op, g: Graph) -> str:
    assert isinstance(op, Transpose)
    return "" if op.perm[0] == 0 or g.tensor(op.ins[0]).size == 1 else f"order {op.perm}"


@dataclass(frozen=True, kw_only=True)
class Transpose(Gather):
    """y has the axes of x in the order `perm`."""

    perm: tuple[int, ...]

    tflite_names: ClassVar[tuple[str, ...]] = ("TRANSPOSE",)
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("the batch axis stays in front", _moves_batch, "transpose other axes"),
        *Gather.limits,
    )

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        perm = tuple(int(p) for p in node.const(1).reshape(-1).tolist())
        return cls(name=node.name, ins=node.ins[:1], outs=node.outs, perm=perm)

    def view(self, x: Array) -> Array:
        return x.transpose(self.perm)


def _cuts_batch(op: Op, g: Graph) -> str:
    assert isinstance(op, Slice)
    whole = op.cuts[0] == Cut(0, g.tensor(op.ins[0]).shape[0], 1) and 0 not in op.drop
    return "" if whole else f"batch cut by {op.cuts[0]}"


@dataclass(frozen=True)
class Cut:
    """Along one axis: `size` values from `start`, `step` apart (negative: backwards)."""

    start: int
    size: int
    step: int

    def of(self) -> slice:
        stop = self.start + self.size * self.step
        return slice(self.start, None if stop < 0 else stop, self.step)


@dataclass(frozen=True, kw_only=True)
class Slice(Gather):
    """y = x cut along every axis by `cuts`, then without the axes `drop`, which have size 1."""

    cuts: tuple[Cut, ...]
    drop: tuple[int, ...] = ()

    tflite_names: ClassVar[tuple[str, ...]] = ("STRIDED_SLICE", "SLICE", "SPLIT", "SPLIT_V",
                                               "UNPACK")
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("the whole batch", _cuts_batch, "slice other axes"), *Gather.limits)

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        if node.kind == "STRIDED_SLICE":
            return _strided(node)
        if node.kind == "SLICE":
            starts, sizes = (node.const(i).reshape(-1).tolist() for i in (1, 2))
            cuts = tuple(Cut(b, full - b if n < 0 else n, 1)
                         for b, n, full in zip(starts, sizes, node.shape(0), strict=True))
            return cls(name=node.name, ins=node.ins[:1], outs=node.outs, cuts=cuts)
        return _split(node)

    def view(self, x: Array) -> Array:
        part = x[(slice(None), *(c.of() for c in self.cuts[1:]))]
        kept = tuple(0 if i in self.drop else slice(None) for i in range(part.ndim))
        return part[kept] if self.drop else part


def _strided(node: TfliteNode) -> tuple[Op, ...]:
    """STRIDED_SLICE with begin, end and shrink masks."""
    opts, shape = node.options(tflite.StridedSliceOptions), node.shape(0)
    node.require(not opts.EllipsisMask() and not opts.NewAxisMask(), "ellipsis or new axis",
                 "neither", "write the slice out for every axis")
    begin, end, steps = (node.const(i).reshape(-1).tolist() for i in (1, 2, 3))
    cuts, drop = [], []
    for i, size in enumerate(shape):
        if i >= len(begin):
            cuts.append(Cut(0, size, 1))
        elif opts.ShrinkAxisMask() >> i & 1:
            cuts.append(Cut(begin[i] % size, 1, 1))
            drop.append(i)
        else:
            node.require(steps[i] != 0, "a step of 0", "another step", "export the model again")
            low = None if opts.BeginMask() >> i & 1 else begin[i]
            high = None if opts.EndMask() >> i & 1 else end[i]
            picked = range(size)[low:high:steps[i]]
            cuts.append(Cut(picked.start, len(picked), picked.step))
    if 0 not in drop or shape[0] != 1:
        return (Slice(name=node.name, ins=node.ins[:1], outs=node.outs, cuts=tuple(cuts),
                      drop=tuple(drop)),)
    # the only sample of a batch of one: batches come back as more of the first axis
    kept = f"{node.name}/kept"
    cut = Slice(name=node.name, ins=node.ins[:1], outs=(kept,), cuts=tuple(cuts),
                drop=tuple(axis for axis in drop if axis != 0))
    (whole,) = cut.shape(shape)
    node.tensors[kept] = Tensor(kept, whole, None, node.tensors[node.ins[0]].q)
    return cut, Reshape(name=f"{node.name}_sample", ins=(kept,), outs=node.outs, to=whole[1:])


def _split(node: TfliteNode) -> tuple[Op, ...]:
    """SPLIT, SPLIT_V, UNPACK: one Slice an output."""
    source = 1 if node.kind == "SPLIT" else 0
    shape = node.shape(source)
    if node.kind == "UNPACK":
        axis = node.options(tflite.UnpackOptions).Axis() % len(shape)
        if shape[axis] == len(node.outs) == 1:  # nothing is split: an axis of size 1 less
            return (Reshape(name=node.name, ins=node.ins, outs=node.outs,
                            to=(*shape[:axis], *shape[axis + 1:])),)
    else:
        axis = int(node.const(0 if node.kind == "SPLIT" else 2).reshape(-1)[0])
    axis %= len(shape)
    each = shape[axis] // max(1, len(node.outs))
    sizes = [each] * len(node.outs)
    if node.kind == "SPLIT_V":
        sizes = [int(n) for n in node.const(1).reshape(-1).tolist()]
        sizes = [shape[axis] - sum(sizes) - 1 if n < 0 else n for n in sizes]
    whole = tuple(Cut(0, n, 1) for n in shape)
    made, start = [], 0
    for i, (out, size) in enumerate(zip(node.outs, sizes, strict=True)):
        cuts = (*whole[:axis], Cut(start, size, 1), *whole[axis + 1:])
        made.append(Slice(name=f"{node.name}_{i}", ins=(node.ins[source],), outs=(out,), cuts=cuts,
                          drop=(axis,) if node.kind == "UNPACK" else ()))
        start += size
    return tuple(made)
