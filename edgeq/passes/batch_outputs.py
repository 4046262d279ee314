"""Outputs that the model gives for its only sample come out with the batch axis in front."""

from __future__ import annotations

from dataclasses import replace

from edgeq.ir import Graph
from edgeq.ops.reshape import Reshape


def batch_outputs(graph: Graph) -> Graph:
    """`graph` with a batch axis in front of outputs whose last step took it away.

    A model for one sample may end in x[0]; for a batch this would join the samples.
    """
    for name in graph.outs:
        op = graph.producer(name)
        if not isinstance(op, Reshape) or graph.consumers(name):
            continue
        whole, bare = graph.tensor(op.ins[0]).shape, graph.tensor(name).shape
        if whole == (1, *bare) and bare[:1] != (1,):  # a layer over one axis has a batch as well
            kept = replace(op, to=whole)
            graph = graph.replace(
                tensors={**graph.tensors, name: replace(graph.tensor(name), shape=whole)},
                ops=tuple(kept if o is op else o for o in graph.ops))
    return graph
