"""16-bit weights as two layers of int8 weights, whose sums of 16 bits are added.

The first layer holds the weights rounded to 8 bits and the bias, the second what the rounding left,
which is 254 times finer: together the weights have 16 bits, and every kernel for 16-bit activations
and int8 weights computes them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeq.ir import FloatArray, Graph, Tensor
from edgeq.layers import MacOp, MacView, act_of, is_mac, mac_view
from edgeq.ops.base import Act, Op
from edgeq.ops.elementwise import Add
from edgeq.recipe import Recipe

_TOP = 127


def split_weights(graph: Graph, recipe: Recipe) -> Graph:
    """The float `graph` with a pair of layers and an Add for each layer of 16-bit weights.

    The real function is the same. The new operators are called like the layer, with @high, @low.
    """
    ops, tensors = list[Op](), dict(graph.tensors)
    for op in graph.ops:
        if not is_mac(op) or recipe.of(op.name).weight_bits != 16:
            ops.append(op)
            continue
        view = mac_view(graph, op)
        parts = [_part(graph, view, end, tensors) for end in ("high", "low")]
        ops += [*parts, Add(name=op.name, ins=(parts[0].outs[0], parts[1].outs[0]), outs=op.outs,
                            act=act_of(op))]
    return graph if len(ops) == len(graph.ops) else graph.replace(tensors=tensors, ops=tuple(ops))


def _part(graph: Graph, view: MacView, end: str, tensors: dict[str, Tensor]) -> MacOp:
    """One of the two layers; its constants and output join `tensors`."""
    x, w, b = view.op.ins[:3]
    out = view.op.outs[0]
    coarse = rounded(view)
    weight = coarse if end == "high" else np.asarray(view.weight - coarse, np.float32)
    bias = view.bias if end == "high" else np.zeros_like(view.bias)
    for name, data in ((w, weight), (b, bias)):
        tensors[f"{name}@{end}"] = Tensor(f"{name}@{end}", data.shape, data)
    tensors[f"{out}@{end}"] = Tensor(f"{out}@{end}", graph.tensor(out).shape)
    return replace(view.op, name=f"{view.op.name}@{end}", ins=(x, f"{w}@{end}", f"{b}@{end}"),
                   outs=(f"{out}@{end}",), act=Act.NONE)


def rounded(view: MacView) -> FloatArray:
    """The weights on a grid of 8 bits for each output channel, as reals of the same shape."""
    top = np.maximum(np.abs(view.out_rows()).max(1), np.float32(1e-30))
    shape = [1] * view.weight.ndim
    shape[view.axis] = -1
    step = np.asarray(top / np.float32(_TOP), np.float32).reshape(shape)
    return np.asarray(np.rint(view.weight / step) * step, np.float32)
