"""Dense layers of which slices are read become one layer a slice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from edgeq.ir import Graph, IntArray, Tensor
from edgeq.ops.base import Op
from edgeq.ops.dense import Dense
from edgeq.ops.gather import Slice
from edgeq.ops.reshape import Reshape
from edgeq.passes.drop_unused import drop_unused
from edgeq.passes.turn_dense_rows import rows_of

_LARGEST = 1 << 22  # values of an output whose order is followed


@dataclass(frozen=True, eq=False)
class _Part:
    """The slice `cut` takes the output channels `channels` of every row."""

    cut: Slice
    channels: IntArray


def split_dense(graph: Graph) -> Graph:
    """`graph` with dense layers of which only slices of channels are read cut into these slices.

    Query, key and value of attention are often one layer. Apart they need no copies, and each
    gets a range of its own.
    """
    for op in graph.ops:
        if isinstance(op, Dense):
            parts = _parts(graph, op)
            if parts:
                graph = _split(graph, op, parts)
    return drop_unused(graph)


def _parts(g: Graph, op: Dense) -> list[_Part]:
    """The slices of `op`, where they are all that reads it; else none."""
    out = g.tensor(op.outs[0])
    weight = g.tensor(op.ins[1])
    if out.name in g.outs or out.size > _LARGEST or not weight.is_const:
        return []
    channels, found = weight.shape[0], list[_Part]()
    order: IntArray = np.arange(out.size).reshape(out.shape)
    for reader, values in _readers(g, out.name, order):
        if not isinstance(reader, Slice):
            return []
        taken = np.ascontiguousarray(reader.view(values)).reshape(-1)
        rows = out.size // channels
        if taken.size % rows:
            return []
        table = taken.reshape(rows, -1)
        row, channel = np.divmod(table, channels)
        if not (np.all(row == np.arange(rows)[:, None]) and np.all(channel == channel[0])):
            return []
        found.append(_Part(reader, channel[0]))
    return found


def _readers(g: Graph, name: str, values: IntArray) -> Iterator[tuple[Op | None, IntArray]]:
    """Who reads `name`, through reshapes, and what they see; None for the graph's outputs."""
    if name in g.outs:
        yield None, values
    for op in g.consumers(name):
        if isinstance(op, Reshape):
            yield from _readers(g, op.outs[0], values.reshape(op.to))
        else:
            yield op, values


def _split(g: Graph, op: Dense, parts: list[_Part]) -> Graph:
    tensors, swap = dict(g.tensors), dict[int, list[Op]]()
    lead, q = g.tensor(op.outs[0]).shape[:-1], g.tensor(op.outs[0]).q
    for i, part in enumerate(parts):
        name = f"{op.name}/{i}"
        weight, bias = (rows_of(g.tensor(n), part.channels, f"{n}@{name}") for n in op.ins[1:])
        made = Tensor(f"{op.outs[0]}/{i}", (*lead, part.channels.size), None, q)
        tensors.update({t.name: t for t in (weight, bias, made)})
        to = g.tensor(part.cut.outs[0]).shape
        swap[id(part.cut)] = [
            replace(op, name=name, ins=(op.ins[0], weight.name, bias.name), outs=(made.name,)),
            Reshape(name=part.cut.name, ins=(made.name,), outs=part.cut.outs, to=to)]
    ops = [new for o in g.ops for new in swap.get(id(o), [o])]
    return g.replace(tensors=tensors, ops=tuple(ops))
