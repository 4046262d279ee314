"""ONNX nodes that choose by rank or place: TopK, OneHot, gathers; running sums, triangles."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import ModelError
from edgeq.ops.base import Shape
from edgeq.ops.concat import Concat
from edgeq.ops.cumsum import CumSum
from edgeq.ops.elementwise import Add, Mul
from edgeq.ops.one_hot import OneHot
from edgeq.ops.topk import TopK
from edgeq.readers.onnx_file import FIX
from edgeq.readers.onnx_node import OnnxNode
from edgeq.readers.onnx_shapes import emit_slice
from edgeq.readers.runs import runs_of

_MOST_RUNS = 64  # slices that one node may become


def _to_last(rank: int, axis: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The order that brings `axis` to the end, and the way back."""
    order = (*(i for i in range(rank) if i != axis), axis)
    return order, tuple(order.index(i) for i in range(rank))


def top_k(node: OnnxNode) -> None:
    """TopK along one axis, of which the order lies along the last one."""
    shape = node.shape(0)
    axis = node.axis(node.integer("axis", -1), len(shape))
    k = int(node.const(1).reshape(-1)[0]) if node.has(1) else node.integer("k", 1)
    order, back = _to_last(len(shape), axis)
    x = node.reshaped(node.transposed(node.ins[0], order), (1, *(shape[i] for i in order)))
    made = (node.temp("values"), node.temp("indices"))
    node.emit(TopK(name=node.label(), ins=(x,), outs=made, k=k,
                   largest=bool(node.integer("largest", 1))), node.tensors[x].q, None)
    for name, out in zip(made, node.outs, strict=False):
        if out:
            flat = node.reshaped(name, node.tensors[name].shape[1:])
            node.transposed(flat, back, out)


def one_hot(node: OnnxNode) -> None:
    """OneHot: 0 and 1 along the last axis; then other values, another axis."""
    depth = int(node.const(1).reshape(-1)[0])
    off, on = (float(v) for v in node.const(2).reshape(-1).tolist())
    x = node.emit(OneHot(name=node.label(), ins=node.ins[:1], outs=(node.temp("ones"),),
                         depth=depth, wraps=True))
    for cls, value, idle in ((Mul, on - off, 1.0), (Add, off, 0.0)):
        if value != idle:
            constant = node.floats("values", np.array(value))
            x = node.emit(cls(name=node.label(), ins=(x, constant), outs=(node.temp("value"),)))
    rank = len(node.tensors[x].shape)
    axis = node.axis(node.integer("axis", -1), rank)
    node.transposed(x, _to_last(rank, axis)[1], node.outs[0])


def running_sum(node: OnnxNode) -> None:
    """CumSum along one axis."""
    shape = node.shape(0)
    axis = node.axis(int(node.const(1).reshape(-1)[0]), len(shape))
    x = node.reshaped(node.ins[0], (1, *shape))
    x = node.emit(CumSum(name=node.label(), ins=(x,), outs=(node.temp("sums"),), axis=axis + 1,
                         exclusive=bool(node.integer("exclusive", 0)),
                         reverse=bool(node.integer("reverse", 0))))
    node.reshaped(x, shape, node.outs[0])


def triangle(node: OnnxNode) -> None:
    """Trilu: zeros above or below a diagonal."""
    shape = node.shape(0)
    k = 0 if not node.has(1) else int(node.const(1).reshape(-1)[0])
    cut = np.triu if node.integer("upper", 1) else np.tril
    mask = node.floats("mask", cut(np.ones(shape[-2:]), k))
    node.emit(Mul(name=node.label(), ins=(node.ins[0], mask), outs=node.outs))


def _picked(node: OnnxNode, flat: NDArray[np.int64], rest: int, to: Shape) -> None:
    """Rows `flat` of the input seen as rows of `rest` values."""
    x = node.reshaped(node.ins[0], (1, node.tensor(0).size // rest, rest))
    runs = runs_of([int(i) for i in flat.reshape(-1)])
    node.require(0 < len(runs) <= _MOST_RUNS, f"{len(runs)} scattered places",
                 f"at most {_MOST_RUNS} runs", "reorder the values before export")
    parts = []
    for run in runs:
        parts.append(node.temp("part"))
        emit_slice(node, x, parts[-1], (range(1), run, range(rest)))
    joined = parts[0] if len(parts) == 1 else node.emit(
        Concat(name=node.label(), ins=tuple(parts), outs=(node.temp("parts"),), axis=1))
    node.reshaped(joined, to, node.outs[0])


def gather_nd(node: OnnxNode) -> None:
    """GatherND by constant places."""
    shape, places = node.shape(0), np.asarray(node.const(1), np.int64)
    batch = node.integer("batch_dims", 0)
    depth = places.shape[-1] if places.ndim else 0
    chosen = shape[batch:batch + depth]
    if depth < 1 or len(chosen) < depth or places.shape[:batch] != shape[:batch]:
        raise ModelError(node.place, f"places of {depth} axes in {shape}", "as many axes", FIX)
    places = np.where(places < 0, places + np.array(chosen), places)
    if (places < 0).any() or (places >= np.array(chosen)).any():
        raise ModelError(node.place, f"places outside of {chosen}", "within", FIX)
    rows = np.arange(prod(shape[:batch + depth])).reshape(prod(shape[:batch]), *chosen)
    flat = places.reshape(rows.shape[0], -1, depth)
    sample = np.arange(rows.shape[0])[:, None]
    picked = rows[(sample, *(flat[..., i] for i in range(depth)))]
    _picked(node, picked, prod(shape[batch + depth:]),
            (*places.shape[:-1], *shape[batch + depth:]))


def gather_elements(node: OnnxNode) -> None:
    """GatherElements by constant places: single values."""
    shape, places = node.shape(0), np.asarray(node.const(1), np.int64)
    axis = node.axis(node.integer("axis", 0), len(shape))
    places = np.where(places < 0, places + shape[axis], places)
    if places.ndim != len(shape) or (places < 0).any() or (places >= shape[axis]).any():
        raise ModelError(node.place, f"places {places.shape} in {shape}", "within", FIX)
    at = np.indices(places.shape)
    at[axis] = places
    _picked(node, np.arange(prod(shape)).reshape(shape)[tuple(at)], 1, places.shape)


def reverse_sequence(node: OnnxNode) -> None:
    """ReverseSequence by constant lengths: each sample's first steps backwards."""
    shape, lengths = node.shape(0), node.const(1).reshape(-1).tolist()
    batch, time = node.integer("batch_axis", 1), node.integer("time_axis", 0)
    if {batch, time} != {0, 1} or len(lengths) != shape[batch] or not all(
            0 <= n <= shape[time] for n in lengths):
        raise ModelError(node.place, f"lengths {lengths} of {shape}", "0 to all steps", FIX)
    flat = np.arange(shape[0] * shape[1]).reshape(shape[:2])
    steps = flat if batch == 0 else flat.T
    turned = np.stack([np.concatenate([row[:n][::-1], row[n:]])
                       for row, n in zip(steps, (int(n) for n in lengths), strict=True)])
    _picked(node, turned if batch == 0 else turned.T, prod(shape[2:]), shape)


NODES: dict[str, Callable[[OnnxNode], None]] = {
    "TopK": top_k, "OneHot": one_hot, "CumSum": running_sum, "Trilu": triangle,
    "GatherND": gather_nd, "GatherElements": gather_elements, "ReverseSequence": reverse_sequence,
}
