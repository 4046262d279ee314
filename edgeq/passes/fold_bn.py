"""Batch norm folding: factors and offsets a channel move into the layer before or behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import Graph, Tensor
from edgeq.layers import MacOp, MacView, mac_view
from edgeq.ops.base import Act, Op
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.elementwise import Add, Mul, Sub
from edgeq.passes.chain import joined, sole_consumer

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Affine:
    """y = x * factor + offset for the activation `source`; both (channels,) or (1,)."""

    op: Add | Mul | Sub
    source: str
    factor: Vector
    offset: Vector


def fold_bn(graph: Graph) -> Graph:
    """`graph` with Mul, Add and Sub by constants a channel merged into neighbouring layers.

    Behind a layer without activation they always merge; before a layer they merge where that
    is exact: an offset only where no padding follows. Float graphs only; (Jacob et al. 2018, 3.2).
    """
    return _until_still(_until_still(graph, _fold_behind), _fold_before)


def _until_still(graph: Graph, step: Callable[[Graph, Affine], Graph | None]) -> Graph:
    while True:
        found = (step(graph, affine) for op in graph.ops if (affine := _affine(graph, op)))
        new = next((g for g in found if g is not None), None)
        if new is None:
            return graph
        graph = new


def _affine(g: Graph, op: Op) -> Affine | None:
    """`op` as a function of its one activation, or None where it is something else."""
    if not isinstance(op, Add | Mul | Sub) or g.tensor(op.outs[0]).q is not None:
        return None
    consts = [g.tensor(n).data for n in op.ins]
    if (consts[0] is None) == (consts[1] is None):
        return None
    at = 0 if consts[1] is not None else 1  # the activation's place
    data, x = consts[1 - at], g.tensor(op.ins[at])
    assert data is not None
    per_channel = data.size == 1 or (x.shape and data.size == x.shape[-1] == data.shape[-1])
    if not per_channel or g.tensor(op.outs[0]).shape != x.shape:
        return None
    value = data.reshape(-1).astype(np.float64)
    one, zero = np.ones(1), np.zeros(1)
    if isinstance(op, Mul):
        return Affine(op, x.name, value, zero)
    if isinstance(op, Add):
        return Affine(op, x.name, one, value)
    return Affine(op, x.name, one, -value) if at == 0 else Affine(op, x.name, -one, value)


def _fold_behind(g: Graph, affine: Affine) -> Graph | None:
    """layer -> affine as one layer that has the affine's activation."""
    layer = g.producer(affine.source)
    if not _mergeable(g, layer) or sole_consumer(g, affine.source) is None:
        return None
    assert isinstance(layer, Conv2D | DepthwiseConv2D | Dense)
    if layer.act is not Act.NONE:
        return None
    view = mac_view(g, layer)
    out_c = view.bias.size
    weight, bias = view.scaled_out(np.broadcast_to(affine.factor, (out_c,)))
    bias = (bias.astype(np.float64) + affine.offset).astype(np.float32)
    merged = replace(layer, outs=affine.op.outs, act=affine.op.act)
    return _replaced(g, layer, affine.op, merged, weight, bias)


def _fold_before(g: Graph, affine: Affine) -> Graph | None:
    """affine -> layer as one layer, where the affine has no activation."""
    layer = sole_consumer(g, affine.op.outs[0])
    if affine.op.act is not Act.NONE or not _mergeable(g, layer):
        return None
    assert isinstance(layer, Conv2D | DepthwiseConv2D | Dense)
    view = mac_view(g, layer)
    channels = g.tensor(affine.source).shape[-1]
    padded = not isinstance(layer, Dense) and layer.pad != ((0, 0), (0, 0))
    if np.any(affine.offset != 0) and padded:
        return None
    if isinstance(layer, Dense) and view.in_c != channels:
        return None  # rows run across channels
    weight = view.scaled_in(np.broadcast_to(affine.factor, (channels,)))
    bias = (view.bias + _offset_sum(view, affine.offset, channels)).astype(np.float32)
    merged = replace(layer, ins=(affine.source, *layer.ins[1:]))
    return _replaced(g, affine.op, layer, merged, weight, bias)


def _offset_sum(view: MacView, offset: Vector, channels: int) -> Vector:
    """What an input that is `offset` everywhere adds to each output channel."""
    full = np.broadcast_to(offset, (channels,))
    if view.depthwise:
        full = np.repeat(full, view.weight.shape[-1] // channels)
    spread = view.weight.astype(np.float64) * full
    return np.asarray(np.moveaxis(spread, view.axis, 0).reshape(view.bias.size, -1).sum(1))


def _mergeable(g: Graph, op: Op | None) -> bool:
    """A float layer with constant weights and bias."""
    return isinstance(op, Conv2D | DepthwiseConv2D | Dense) and all(
        g.tensor(n).is_const and g.tensor(n).q is None for n in op.ins[1:])


def _replaced(g: Graph, first: Op, second: Op, merged: MacOp, weight: NDArray[np.floating],
              bias: NDArray[np.floating]) -> Graph:
    """`g` with `first` and `second` replaced by `merged`, which gets its own constants."""
    w = Tensor(f"{merged.name}/folded_weights", weight.shape, weight.astype(np.float32))
    b = Tensor(f"{merged.name}/folded_bias", bias.shape, bias.astype(np.float32))
    merged = replace(merged, ins=(merged.ins[0], w.name, b.name))
    return joined(g, first, second, merged, w, b)
