"""CONV_2D with groups: a convolution for every group of channels, or a depthwise layer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeq.ir import QuantParams, Tensor
from edgeq.ops.base import Op
from edgeq.ops.concat import Concat
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.gather import Cut
from edgeq.readers.node import TfliteNode
from edgeq.readers.parts import Parts


def convolution(node: TfliteNode) -> tuple[Op, ...]:
    """CONV_2D; where its weights take a part of the channels, a convolution for every group."""
    whole = Conv2D.from_tflite(node)
    assert isinstance(whole, Conv2D)
    (_, _, _, in_c), (out_c, _, _, each) = node.shape(0), node.shape(1)
    groups = in_c // each if each else 0
    if groups < 2 or in_c % each or out_c % groups or node.tensors[node.ins[1]].data is None:
        return (whole,)  # its limits refuse what is wrong
    if each == 1:
        return (_depthwise(node, whole),)
    p, parts, rows = Parts(node), list[str](), out_c // groups
    for i in range(groups):
        x = p.sliced(node.ins[0], 3, Cut(i * each, each, 1))
        own = tuple(_rows(node, k, slice(i * rows, (i + 1) * rows)) for k in (1, 2))
        parts.append(p.emit(replace(whole, name=p.label(), ins=(x, *own), outs=(p.temp(),)),
                            p.q(node.outs[0])))
    return (*p.ops, Concat(name=p.label(), ins=tuple(parts), outs=node.outs, axis=3))


def _depthwise(node: TfliteNode, conv: Conv2D) -> DepthwiseConv2D:
    """`conv` with one input channel a group, weights (out_c, kh, kw, 1) as (1, kh, kw, out_c)."""
    w, name = node.tensors[node.ins[1]], f"{node.name}/depthwise"
    assert w.data is not None
    data = np.ascontiguousarray(w.data.transpose(3, 1, 2, 0))
    q = w.q if w.q is None or w.q.axis is None else replace(w.q, axis=3)
    node.tensors[name] = Tensor(name, data.shape, data, q)
    return DepthwiseConv2D(name=conv.name, ins=(conv.ins[0], name, conv.ins[2]), outs=conv.outs,
                           stride=conv.stride, dilation=conv.dilation, pad=conv.pad, act=conv.act,
                           float32=conv.float32)


def _rows(node: TfliteNode, i: int, rows: slice) -> str:
    """Name of a new constant: these rows of axis 0 of the constant input `i`."""
    whole, name = node.tensors[node.ins[i]], f"{node.ins[i]}/{rows.start}"
    assert whole.data is not None
    data, q = whole.data[rows], whole.q
    if q is not None and q.axis == 0:
        q = QuantParams(q.scale[rows], np.broadcast_to(q.zero, q.scale.shape)[rows], q.bits, 0)
    node.tensors[name] = Tensor(name, data.shape, data, q)
    return name
