"""Inputs of models without a batch axis get one in front."""

from __future__ import annotations

from dataclasses import replace

from edgeq.ir import Graph
from edgeq.ops.reshape import Reshape


def batch_inputs(graph: Graph) -> Graph:
    """`graph` whose inputs of one axis (values,) are taken as (1, values): one sample."""
    for name in graph.ins:
        shape = graph.tensor(name).shape
        if len(shape) == 1 and shape[0] > 1:
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
