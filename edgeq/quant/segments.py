"""Parts of a graph between single tensors: residual blocks, or runs of layers."""

from __future__ import annotations

from dataclasses import dataclass

from edgeq.ir import Graph
from edgeq.layers import is_mac
from edgeq.ops.base import Op
from edgeq.quant.gradients import differentiable
from edgeq.quant.simulate import measured
from edgeq.run_op import takes_samples


@dataclass(frozen=True)
class Segment:
    """Operators in execution order; `ins` they read from before, `outs` others read from them."""

    ops: tuple[Op, ...]
    ins: tuple[str, ...]
    outs: tuple[str, ...]


def segment(graph: Graph, ops: tuple[Op, ...], ends: frozenset[str]) -> Segment:
    """`ops` with the tensors at their borders; `ends` are read from outside the graph."""
    inside = {op.name for op in ops}
    made = {n for op in ops for n in op.outs}
    ins = {n: None for op in ops for n in op.ins
           if n not in made and not graph.tensor(n).is_const}
    outs = [n for op in ops for n in op.outs
            if n in ends or any(o.name not in inside for o in graph.consumers(n))]
    return Segment(ops, tuple(ins), tuple(outs))


def judged_ops(graph: Graph) -> tuple[Op, ...]:
    """The operators behind what scores compare: all but a final softmax and the like."""
    needed, ops = set(measured(graph)), list[Op]()
    for op in reversed(graph.ops):
        if needed & set(op.outs):
            needed |= set(op.ins)
            ops.append(op)
    return tuple(reversed(ops))


def blocks(graph: Graph, layers: int = 2) -> tuple[Segment, ...]:
    """The graph cut wherever a single tensor goes on, each part with at least `layers` layers.

    So a residual block is one part, and so are `layers` layers in a row (Li et al. 2021,
    section 3.2). The last part may have fewer layers.
    """
    ops, ends = judged_ops(graph), frozenset(measured(graph))
    last = {n: i for i, op in enumerate(ops) for n in op.ins}
    last |= dict.fromkeys(ends, len(ops))
    found, begin, live = list[Segment](), 0, set(graph.ins)
    for i, op in enumerate(ops):
        live = {n for n in live | set(op.outs) if last.get(n, -1) > i}
        part = ops[begin:i + 1]
        enough = sum(is_mac(o) for o in part) >= layers
        if i + 1 == len(ops) or (len(live) == 1 and enough):
            found.append(segment(graph, part, ends))
            begin = i + 1
    return tuple(found)


def learnable_tail(graph: Graph) -> Segment | None:
    """The longest end of the network that gradients go through; None where it has no layer."""
    ops = judged_ops(graph)
    first = max((i + 1 for i, op in enumerate(ops)
                 if not (differentiable(op) and takes_samples(graph, op))), default=0)
    tail = ops[first:]
    if not any(is_mac(op) for op in tail):
        return None
    return segment(graph, tail, frozenset(measured(graph)))
