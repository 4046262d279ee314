"""Averages over the whole window of time as sums of rows, which a stream can keep."""

from __future__ import annotations

from collections.abc import Mapping

from edgeq.ir import Graph, Tensor
from edgeq.ops.pool import AveragePool
from edgeq.ops.row_sums import MOST_VALUES, MeanOfSums, RowSums
from edgeq.streaming.tracks import Track


def with_row_sums(graph: Graph, tracks: Mapping[str, Track]) -> Graph:
    """`graph` whose average pools over all rows of time sum every row first; the same bytes."""
    tensors, ops = dict(graph.tensors), []
    for op in graph.ops:
        t = tracks.get(op.ins[0])
        if not isinstance(op, AveragePool) or t is None or t.axis not in (1, 2):
            ops.append(op)
            continue
        x, y = graph.tensor(op.ins[0]), graph.tensor(op.outs[0])
        _, h, w, c = x.shape
        n = (h, w)[2 - t.axis]
        if op.kernel != (h, w) or op.pad != ((0, 0), (0, 0)) or n > MOST_VALUES or (
                y.params.bits != 8):
            ops.append(op)
            continue
        name = f"{op.name}@sums"
        tensors[name] = Tensor(name, (1, t.size, c), None, RowSums.params(x.params, n))
        ops.append(RowSums(name=name, ins=op.ins, outs=(name,), axis=t.axis))
        ops.append(MeanOfSums(name=op.name, ins=(name,), outs=op.outs, to=y.shape, count=h * w,
                              act=op.act, halves_up=op.halves_up))
    return graph.replace(tensors=tensors, ops=tuple(ops))
