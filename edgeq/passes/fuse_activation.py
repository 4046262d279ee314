"""Activation fusion: a clamp behind a layer becomes the clamp that its kernel does anyway."""

from __future__ import annotations

from dataclasses import replace

from edgeq.ir import Graph
from edgeq.ops.activations import Relu
from edgeq.ops.base import Act, Op
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.elementwise import Binary
from edgeq.passes.chain import joined, sole_consumer


def fuse_activation(graph: Graph) -> Graph:
    """`graph` with ReLU, ReLU6 and ReLU_N1_TO_1 as `act` of the layer before, where only they
    read it. Float graphs only: in a quantized one the two operators round separately.
    """
    while (new := _fuse_one(graph)) is not None:
        graph = new
    return graph


def _fuse_one(graph: Graph) -> Graph | None:
    for op in graph.ops:
        follower = sole_consumer(graph, op.outs[0]) if len(op.outs) == 1 else None
        if isinstance(follower, Relu) and graph.tensor(op.outs[0]).q is None:
            merged = _with_act(op, follower)
            if merged is not None:
                return joined(graph, op, follower, merged)
    return None


def _with_act(op: Op, follower: Relu) -> Op | None:
    """`op` that does the work of `follower` too, or None where it cannot."""
    if not isinstance(op, Conv2D | DepthwiseConv2D | Dense | Binary | Relu):
        return None
    act = _both(op.act, follower.act)
    return None if act is None else replace(op, act=act, outs=follower.outs)


def _both(first: Act, second: Act) -> Act | None:
    """The one activation that does `first`, then `second`, or None."""
    low, high = second.bounds
    bounds = tuple(min(max(b, low), high) for b in first.bounds)
    return next((act for act in Act if act.bounds == bounds), None)
