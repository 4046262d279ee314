"""Repetition of operands that elementwise kernels do not repeat by themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeq.ir import Graph, Tensor
from edgeq.ops.base import Op, Shape
from edgeq.ops.broadcast import broadcast_of
from edgeq.ops.compare import Compare
from edgeq.ops.elementwise import Binary
from edgeq.ops.expand import Expand
from edgeq.ops.minmax import MinMax
from edgeq.ops.reshape import Reshape


def expand_operands(graph: Graph) -> Graph:
    """`graph` in which every elementwise operator has an operand of its output's shape.

    Two operands that repeat over one another, (a, 1) and (1, b), or in blocks that are not one,
    become an operand that is written out, and one that the kernel repeats.
    """
    for op in graph.ops:
        if isinstance(op, Binary | Compare | MinMax):
            shapes = (graph.tensor(op.ins[0]).shape, graph.tensor(op.ins[1]).shape)
            for which in _written_out(shapes, graph.tensor(op.outs[0]).shape):
                graph = _expanded(graph, op.name, which)
    return graph


def _written_out(shapes: tuple[Shape, Shape], out: Shape) -> tuple[int, ...]:
    """Which operands must be written out so that a kernel takes them."""
    for which in ((), (0,), (1,)):
        a, b = (out if i in which else s for i, s in enumerate(shapes))
        if (np.prod(a) == np.prod(out) and broadcast_of(out, b) is not None) or (
                np.prod(b) == np.prod(out) and broadcast_of(out, a) is not None):
            return which
    return (0, 1)


def _expanded(graph: Graph, name: str, which: int) -> Graph:
    """`graph` with operand `which` of the operator `name` in the shape of its output."""
    op = next(o for o in graph.ops if o.name == name)
    source, out = graph.tensor(op.ins[which]), graph.tensor(op.outs[0]).shape
    aligned = (1,) * (len(out) - len(source.shape)) + source.shape
    made, steps = f"{name}/operand{which}", list[Op]()
    tensors = dict(graph.tensors)
    if source.data is not None:
        data = np.ascontiguousarray(np.broadcast_to(source.data.reshape(aligned), out))
        tensors[made] = Tensor(made, out, data, source.q)
    else:
        shaped = source.name
        if aligned != source.shape:
            shaped = f"{made}/aligned"
            tensors[shaped] = Tensor(shaped, aligned, None, source.q)
            steps.append(Reshape(name=shaped, ins=(source.name,), outs=(shaped,), to=aligned))
        tensors[made] = Tensor(made, out, None, source.q)
        steps.append(Expand(name=made, ins=(shaped,), outs=(made,), to=out))
    ins = tuple(made if i == which else n for i, n in enumerate(op.ins))
    ops = [piece for o in graph.ops
           for piece in ((*steps, replace(o, ins=ins)) if o is op else (o,))]
    return graph.replace(tensors=tensors, ops=tuple(ops))
