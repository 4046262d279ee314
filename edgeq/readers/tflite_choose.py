"""TFLite nodes that choose or repeat values: by constant places, or by indices of run time."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
import tflite

from edgeq.errors import ModelError
from edgeq.ir import Tensor
from edgeq.ops.base import Op
from edgeq.ops.elementwise import Add, Mul
from edgeq.ops.embedding import Embedding
from edgeq.ops.gather import Cut
from edgeq.ops.one_hot import OneHot
from edgeq.ops.reshape import Reshape
from edgeq.ops.take import Take
from edgeq.ops.topk import TopK
from edgeq.readers.node import TfliteNode
from edgeq.readers.parts import FIX, Parts
from edgeq.readers.runs import runs_of


def gather(node: TfliteNode) -> tuple[Op, ...]:
    """GATHER of constant positions: slices, one behind the other; of others: Embedding, Take."""
    opts, shape = node.options(tflite.GatherOptions), node.shape(0)
    axis = opts.Axis() % len(shape)
    if node.tensors[node.ins[1]].data is None:
        if axis == opts.BatchDims() == 0 and node.tensors[node.ins[0]].data is not None:
            return (Embedding(name=node.name, ins=node.ins, outs=node.outs),)
        return _taken(node, axis, opts.BatchDims())
    picked = node.const(1)
    wanted = [int(i) for i in picked.reshape(-1).tolist()]
    if opts.BatchDims() or not wanted or not all(0 <= i < shape[axis] for i in wanted):
        raise ModelError(node.name, f"positions {wanted[:5]} of {shape[axis]}", "valid ones", FIX)
    p, x = Parts(node), node.ins[0]
    parts = [p.sliced(x, axis, cut) for cut in _runs(wanted)]
    return p.done(p.joined(parts, axis))


def _runs(wanted: list[int]) -> list[Cut]:
    """`wanted` as few cuts of even steps."""
    return [Cut(run.start, len(run), run.step) for run in runs_of(wanted)]


def embedding_lookup(node: TfliteNode) -> tuple[Op, ...]:
    """EMBEDDING_LOOKUP: indices first, then the table."""
    index, table = node.ins
    return (Embedding(name=node.name, ins=(table, index), outs=node.outs),)


def _taken(node: TfliteNode, axis: int, batch: int) -> tuple[Op, ...]:
    """GATHER by indices of run time along `axis` of an activation; `batch` axes go together."""
    p, (x, index) = Parts(node), node.ins
    shape, places = p.shape(x), p.shape(index)
    node.require(prod(shape[:batch]) == 1 and node.tensors[x].data is None,
                 f"{batch} axes of {shape} with indices of their own", "at most a batch of 1",
                 "gather along one axis behind the batch")
    outer, rows, inner = prod(shape[:axis]), shape[axis], prod(shape[axis + 1:])
    x = p.transposed(p.reshaped(x, (1, outer, rows, inner)), (0, 2, 1, 3))
    index = p.reshaped(index, (1, prod(places)))
    y = p.emit(Take(name=p.label(), ins=(x, index), outs=(p.temp(),)), p.q(x))
    return p.done(p.transposed(y, (0, 2, 1, 3)))


def gather_nd(node: TfliteNode) -> tuple[Op, ...]:
    """GATHER_ND by constant places, or by places of run time along one axis."""
    p, x, shape = Parts(node), node.ins[0], node.shape(0)
    places = node.tensors[node.ins[1]]
    depth = places.shape[-1] if places.shape else 0
    node.require(1 <= depth <= len(shape), f"places of {depth} axes in {shape}", "1 to all axes",
                 FIX)
    outer, rest = prod(shape[:depth]), prod(shape[depth:])
    x = p.reshaped(x, (1, outer, rest))
    if places.data is None:
        node.require(depth == 1 and node.tensors[x].data is None, "places of several axes that "
                     "come at run time", "places along one axis", "choose by constant places")
        index = p.reshaped(places.name, (1, places.size))
        return p.done(p.emit(Take(name=p.label(), ins=(x, index), outs=(p.temp(),)), p.q(x)))
    at = places.data.reshape(-1, depth).astype(np.int64)
    if (at < 0).any() or (at >= np.array(shape[:depth])).any():
        raise ModelError(node.name, f"places up to {at.max(0).tolist()} in {shape}", "within", FIX)
    flat = np.arange(outer).reshape(shape[:depth])[tuple(at.T)].tolist()
    return p.done(p.joined([p.sliced(x, 1, cut) for cut in _runs(flat)], 1))


def one_hot(node: TfliteNode) -> tuple[Op, ...]:
    """ONE_HOT: 0 and 1 along the last axis; then other values, another axis."""
    p, axis = Parts(node), node.options(tflite.OneHotOptions).Axis()
    depth = int(node.const(1).reshape(-1)[0])
    on, off = (float(node.const(i).reshape(-1)[0]) for i in (2, 3))
    x = p.emit(OneHot(name=p.label(), ins=node.ins[:1], outs=(p.temp(),), depth=depth), None)
    if (on, off) != (1.0, 0.0):
        for cls, name, value in ((Mul, "range", on - off), (Add, "off", off)):
            constant = f"{node.name}/{name}"
            node.tensors[constant] = Tensor(constant, (), np.array(value, np.float32))
            x = p.emit(cls(name=p.label(), ins=(x, constant), outs=(p.temp(),)), None)
    rank = len(p.shape(x))
    if axis not in (-1, rank - 1):
        lifted = p.reshaped(x, (1, *p.shape(x)))
        order = [*range(1, rank)]
        order.insert(axis, rank)
        x = p.transposed(lifted, (0, *order))
    return p.done(x)


def top_k(node: TfliteNode) -> tuple[Op, ...]:
    """TOPK_V2: the largest values along the last axis, and their indices."""
    p, x, shape = Parts(node), node.ins[0], node.shape(0)
    k = int(node.const(1).reshape(-1)[0])
    inner = (f"{node.name}/values", f"{node.name}/indices")
    x = p.reshaped(x, (1, *shape))
    top = TopK(name=p.label(), ins=(x,), outs=inner, k=k)
    views = []
    for i, (made, out) in enumerate(zip(inner, node.outs, strict=True)):
        whole = top.shape(p.shape(x))[i]
        node.tensors[made] = Tensor(made, whole, None, node.tensors[out].q)
        views.append(Reshape(name=f"{node.name}_{i}", ins=(made,), outs=(out,), to=whole[1:]))
    return (*p.ops, top, *views)


def reverse(node: TfliteNode) -> tuple[Op, ...]:
    """REVERSE_V2: slices that step backwards; of an axis with one value nothing changes."""
    p, x = Parts(node), node.ins[0]
    shape = p.shape(x)
    for axis in {int(a) % len(shape) for a in node.const(1).reshape(-1).tolist()}:
        if shape[axis] > 1:
            x = p.sliced(x, axis, Cut(shape[axis] - 1, shape[axis], -1))
    return (*p.ops, Reshape(name=p.label(), ins=(x,), outs=node.outs, to=shape))


def broadcast_to(node: TfliteNode) -> tuple[Op, ...]:
    """BROADCAST_TO a constant shape: the values as often as that takes."""
    p, target = Parts(node), tuple(int(n) for n in node.const(1).reshape(-1).tolist())
    shape = node.shape(0)
    x = p.reshaped(node.ins[0], (1,) * (len(target) - len(shape)) + shape)
    for axis, (size, want) in enumerate(zip(p.shape(x), target, strict=True)):
        if size != want:
            node.require(size == 1, f"{shape} as {target}", "axes of size 1 that repeat", FIX)
            x = p.joined([x] * want, axis)
    return p.done(x)


NODES: dict[str, Callable[[TfliteNode], tuple[Op, ...]]] = {
    "GATHER": gather,
    "GATHER_ND": gather_nd,
    "EMBEDDING_LOOKUP": embedding_lookup,
    "ONE_HOT": one_hot,
    "TOPK_V2": top_k,
    "REVERSE_V2": reverse,
    "BROADCAST_TO": broadcast_to,
}
