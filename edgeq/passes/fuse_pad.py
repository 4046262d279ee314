"""Pad fusion: zeros around the input of a convolution become the convolution's own padding."""

from __future__ import annotations

from dataclasses import replace

from edgeq.ir import Graph, same_params
from edgeq.ops.base import Op
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.pad import Pad


def fuse_pad(graph: Graph) -> Graph:
    """`graph` without the Pad operators by zero that only convolutions read."""
    for pad in [op for op in graph.ops if isinstance(op, Pad)]:
        if _fusible(graph, pad):
            ops = tuple(_padded(op, pad) for op in graph.ops if op is not pad)
            graph = graph.replace(ops=ops)
    return graph


def _fusible(g: Graph, pad: Pad) -> bool:
    """True where every reader is a convolution, and padding is by zero in height and width."""
    readers = g.consumers(pad.outs[0])
    spatial = len(pad.pads) == 4 and pad.pads[0] == pad.pads[3] == (0, 0)
    before, after = g.tensor(pad.ins[0]).q, g.tensor(pad.outs[0]).q
    unscaled = before is None or after is None or same_params(before, after)
    return bool(
        spatial and unscaled and pad.value == 0 and readers and pad.outs[0] not in g.outs
        and all(isinstance(op, Conv2D | DepthwiseConv2D) for op in readers))


def _padded(op: Op, pad: Pad) -> Op:
    """`op`, or where it reads the padded tensor: the same with that padding in itself."""
    if pad.outs[0] not in op.ins:
        return op
    assert isinstance(op, Conv2D | DepthwiseConv2D)
    (top, bottom), (left, right) = op.pad
    _, (more_top, more_bottom), (more_left, more_right), _ = pad.pads
    return replace(op, ins=(pad.ins[0], *op.ins[1:]), pad=(
        (top + more_top, bottom + more_bottom), (left + more_left, right + more_right)))
