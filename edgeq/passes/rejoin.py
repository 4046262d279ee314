"""Rejoin: a tensor that is cut into rows and put together again is that tensor."""

from __future__ import annotations

import numpy as np

from edgeq.ir import Graph
from edgeq.ops.base import Op
from edgeq.ops.concat import Concat, Pack
from edgeq.ops.gather import Cut, Slice
from edgeq.ops.reshape import Reshape
from edgeq.passes.affine import Forms
from edgeq.passes.drop_unused import drop_unused
from edgeq.readers.onnx_node import OnnxNode


def turned(node: OnnxNode, x: str, rows: int, k: int) -> str:
    """`x` as (1, rows, k), the last row first."""
    x = node.reshaped(x, (1, rows, k))
    cuts = (Cut(0, 1, 1), Cut(rows - 1, rows, -1), Cut(0, k, 1))
    return node.emit(Slice(name=node.label(), ins=(x,), outs=(node.temp("turned"),), cuts=cuts))


def rejoined(graph: Graph) -> Graph:
    """The float `graph` without joins of all rows of one tensor, in their order or turned."""
    forms, ops, tensors = Forms(graph), list[Op](), dict(graph.tensors)
    for op in graph.ops:
        if type(op) not in (Concat, Pack) or len(op.ins) < 2:
            ops.append(op)
            continue
        form = forms.of(op.outs[0])
        term = form.terms[0] if form.terms else None
        size = graph.tensor(op.outs[0]).size
        if term is None or not form.is_view or (
                graph.tensor(term.root).size != size):
            ops.append(op)
            continue
        node = OnnxNode(op.name, "Concat", op.name, 0, (), op.outs, {}, tensors)
        to, k = graph.tensor(op.outs[0]).shape, graph.tensor(term.root).shape[-1]
        rows = np.arange(size).reshape(-1, k)
        x = term.root
        if np.array_equal(term.ids, rows[::-1].reshape(-1)) and len(rows) > 1:
            x = turned(node, x, len(rows), k)
        elif not term.is_whole:
            ops.append(op)
            continue
        node.emit(Reshape(name=node.label(), ins=(x,), outs=op.outs, to=to))
        ops += node.ops
    return drop_unused(graph.replace(tensors=tensors, ops=tuple(ops)))
