"""Channels last: transposes of a graph in another axis order sink, cancel and mostly vanish.

A graph that was read from (n, c, h, w) has a transpose before and behind every operator that
works on (n, h, w, c). The pass walks through the operators and keeps for every tensor a `Form`:
which tensor holds its values, and in which order. Transposes and reshapes then only change
forms; operators that do not care about the order work on the values as they lie; the rest is
brought into order where it is needed, once.
"""

from __future__ import annotations

from edgeq.ir import Graph
from edgeq.ops.base import Op
from edgeq.ops.compare import Compare
from edgeq.ops.concat import Concat, Pack
from edgeq.ops.dense import Dense
from edgeq.ops.elementwise import Binary
from edgeq.ops.gather import Slice, Transpose
from edgeq.ops.layer_norm import LayerNorm
from edgeq.ops.lut import Unary
from edgeq.ops.matmul import MatMul
from edgeq.ops.minmax import MinMax
from edgeq.ops.pad import Pad
from edgeq.ops.prelu import PRelu
from edgeq.ops.reduce import Reduce
from edgeq.ops.reshape import Reshape
from edgeq.ops.select import Select
from edgeq.ops.softmax import Softmax
from edgeq.passes import layout_ops as ops
from edgeq.passes.layout_reshape import reshape
from edgeq.passes.layout_walk import TO_FIRST, Walk
from edgeq.passes.turn_dense_rows import turn_dense_rows


def channels_last(graph: Graph) -> Graph:
    """An equal graph with as few transposes as the operators' order of axes allows.

    A model input is taken with its channels last where that saves work, and an output is given
    as its values lie; `graph.moved` says for both which axis is where.
    """
    turned: frozenset[str] = frozenset()
    best = _walked(graph, turned)
    for name in graph.ins:
        if len(graph.tensor(name).shape) in TO_FIRST:
            other = _walked(graph, turned | {name})
            if other.cost < best.cost:
                best, turned = other, turned | {name}
    return turn_dense_rows(best.graph())


def _walked(graph: Graph, turned: frozenset[str]) -> Walk:
    """The walk through all of `graph`."""
    walk = Walk(graph, turned)
    for op in graph.ops:
        _step(walk, op)
    walk.outs = tuple(walk.output(name) for name in graph.outs)
    return walk


def _step(walk: Walk, op: Op) -> None:
    match op:
        case Transpose():
            ops.transpose(walk, op)
        case Reshape():
            reshape(walk, op)
        case Unary():
            form = walk.form(op.ins[0])
            walk.emit(op, (form.stored,), form.axes, form.tail)
        case Binary() | Compare() | MinMax() | PRelu() | Select():
            ops.elementwise(walk, op)
        case Reduce():
            ops.reduce(walk, op)
        case Concat() if not isinstance(op, Pack):
            ops.concat(walk, op)
        case Slice():
            ops.slice_(walk, op)
        case Pad():
            ops.pad(walk, op)
        case Dense():
            ops.dense(walk, op)
        case MatMul():
            ops.matmul(walk, op)
        case Softmax():
            ops.last_axis(walk, op)
        case LayerNorm() if len(walk.tensors[op.ins[1]].shape) == 1:
            ops.last_axis(walk, op)
        case _:
            walk.in_order(op)
