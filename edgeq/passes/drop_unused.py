"""Removal of operators whose results nobody reads."""

from __future__ import annotations

from edgeq.ir import Graph


def drop_unused(graph: Graph) -> Graph:
    """`graph` with only the operators that its outputs depend on."""
    needed, kept = {*graph.outs, *(s.result for s in graph.states)}, []
    for op in reversed(graph.ops):
        if needed & set(op.outs):
            kept.append(op)
            needed |= set(op.ins)
    return graph.replace(ops=tuple(reversed(kept)))
