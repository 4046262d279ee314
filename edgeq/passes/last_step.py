"""Last step: a recurrent layer of which only the last state is read keeps no others."""

from __future__ import annotations

from dataclasses import replace

from edgeq.ir import Graph, Tensor
from edgeq.ops.gather import Cut, Slice
from edgeq.ops.recurrent import Recurrent
from edgeq.ops.reshape import Reshape
from edgeq.passes.chain import joined, sole_consumer


def last_step(graph: Graph) -> Graph:
    """`graph` with Recurrent and the Slice that takes its last step as one layer, which saves
    the memory of all other steps.
    """
    for op in graph.ops:
        if not isinstance(op, Recurrent) or op.last_only or op.stateful:
            continue
        cut = sole_consumer(graph, op.outs[0])
        if isinstance(cut, Slice) and _takes_last(graph, cut):
            graph = _merged(graph, op, cut)
    return graph


def _takes_last(g: Graph, cut: Slice) -> bool:
    steps, units = g.tensor(cut.ins[0]).shape[1:]
    last, channels = cut.cuts[1:]
    return (last.start, last.size) == (steps - 1, 1) and channels == Cut(0, units, 1)


def _merged(g: Graph, op: Recurrent, cut: Slice) -> Graph:
    out = g.tensor(cut.outs[0])
    if cut.drop == (1,):
        return joined(g, op, cut, replace(op, outs=cut.outs, last_only=True))
    name = f"{out.name}/flat"
    flat = Tensor(name, (1, out.shape[-1]), None, out.q)
    view = Reshape(name=cut.name, ins=(name,), outs=cut.outs, to=out.shape)
    short = replace(op, outs=(name,), last_only=True)
    ops = [o for o in g.ops if o is not op]
    at = ops.index(cut)
    ops[at:at + 1] = [short, view]
    return g.replace(tensors={**g.tensors, name: flat}, ops=tuple(ops))
