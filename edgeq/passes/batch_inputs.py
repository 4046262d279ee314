"""Inputs of models without a batch axis get one in front."""

from __future__ import annotations

from dataclasses import replace

from edgeq.ir import Graph
from edgeq.ops.reshape import Reshape


def batch_inputs(graph: Graph) -> Graph:
    """`graph` whose inputs without a batch axis are taken as one sample.

    An input of one axis (values,) becomes (1, values); beside an input with a batch of one, any
    other does as well: a state (layers, 1, values).
    """
    beside = any(graph.tensor(name).shape[:1] == (1,) for name in graph.ins)
    for name in graph.ins:
        shape = graph.tensor(name).shape
        bare = len(shape) == 1 or (beside and name not in graph.moved)
        if shape and shape[0] > 1 and bare:
            graph = _batched(graph, name)
    return graph


def _batched(graph: Graph, name: str) -> Graph:
    bare = f"{name}/sample"
    tensor = graph.tensor(name)
    view = Reshape(name=bare, ins=(name,), outs=(bare,), to=tensor.shape)
    ops = (view, *(replace(op, ins=tuple(bare if n == name else n for n in op.ins))
                   for op in graph.ops))
    tensors = {**graph.tensors, name: replace(tensor, shape=(1, *tensor.shape)),
               bare: replace(tensor, name=bare)}
    return graph.replace(tensors=tensors, ops=ops)
