"""Repetition of operands that elementwise kernels do not repeat by themselves."""

from __future__ import annotations

from dataclasses import replace
from math import prod

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
            for which in _written_out(*(graph.tensor(n) for n in (*op.ins, *op.outs))):
                graph = _expanded(graph, op.name, which)
    return graph


def _written_out(a: Tensor, b: Tensor, out: Tensor) -> tuple[int, ...]:
    """Which operands must be written out so that a kernel takes them: one that is computed has
    the full shape, the other one repeats.
    """
    for which in ((), (0,), (1,)):
        one, two = (out.shape if i in which else t.shape for i, t in enumerate((a, b)))
        if (_is_full(a, one, out) and broadcast_of(out.shape, two) is not None) or (
                _is_full(b, two, out) and broadcast_of(out.shape, one) is not None):
            return which
    return (0, 1)


def _is_full(operand: Tensor, shape: Shape, out: Tensor) -> bool:
    """Whether `operand` under `shape` can be what the kernel goes through."""
    return not operand.is_const and prod(shape) == out.size


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
