"""What the merging passes share: neighbours in the graph, and two operators made one."""

from __future__ import annotations

from edgeq.ir import Graph, Tensor
from edgeq.ops.base import Op


def sole_consumer(g: Graph, name: str) -> Op | None:
    """The one operator that reads `name`, once; None where it is an output or read more often."""
    readers = g.consumers(name)
    if name in g.outs or len(readers) != 1 or readers[0].ins.count(name) != 1:
        return None
    return readers[0]


def joined(g: Graph, first: Op, second: Op, merged: Op, *new: Tensor) -> Graph:
    """`g` with `merged` in the place of `second`, and without `first`; `new` tensors join."""
    ops = tuple(merged if op is second else op for op in g.ops if op is not first)
    return g.replace(tensors={**g.tensors, **{t.name: t for t in new}}, ops=ops)
