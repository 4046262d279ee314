"""Reshapes of reshapes become one, and passes that follow values see through it."""

from __future__ import annotations

from dataclasses import replace

from edgeq.ir import Graph
from edgeq.ops.base import Op
from edgeq.ops.reshape import Reshape
from edgeq.passes.drop_unused import drop_unused


def merge_reshapes(graph: Graph) -> Graph:
    """`graph` in which every reshape reads what no other reshape gives."""
    source: dict[str, str] = {}
    ops: list[Op] = []
    for op in graph.ops:
        if isinstance(op, Reshape):
            name = source.get(op.ins[0], op.ins[0])
            source[op.outs[0]] = name
            op = replace(op, ins=(name,))
        ops.append(op)
    return drop_unused(graph.replace(ops=tuple(ops)))
