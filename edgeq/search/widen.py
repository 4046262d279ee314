"""16-bit activations where 8 bits make the most noise."""

from __future__ import annotations

from dataclasses import replace

from edgeq.ir import Graph
from edgeq.layers import is_mac
from edgeq.ops.base import Op
from edgeq.quant.sensitivity import Sensitivity
from edgeq.recipe import Layer, Recipe


def widened(recipe: Recipe, graph: Graph, found: Sensitivity, count: int,
            weight_bits: int = 8) -> Recipe:
    """`recipe` with the `count` noisiest activations in 16 bits, where both sides have kernels.

    The layers that write and read such an activation compute in 16 bits, and so with weights of
    `weight_bits`, 8 or 16: four bits of weights would make finer activations pointless.
    """
    layers: dict[str, Layer] = {}
    ranked = sorted(found.activations, key=lambda a: -a.noise)
    done = 0
    for name in (a.tensor for a in ranked):
        around = _around(graph, name)
        if around and done < count:
            layers |= {op.name: Layer(op.name, act_bits=16,
                                      weight_bits=weight_bits if is_mac(op) else None)
                       for op in around}
            done += 1
    rest = tuple(x for x in recipe.layers if x.name not in layers)
    return replace(recipe, layers=(*rest, *layers.values()))


def _around(graph: Graph, name: str) -> tuple[Op, ...]:
    """The operators that write and read `name`, views left out; () unless all can have 16 bits."""
    if name not in graph.tensors:
        return ()
    producer = graph.producer(name)
    ops = [] if producer is None else [producer]
    readers = list(graph.consumers(name))
    while readers:
        op = readers.pop()
        if op.is_view:
            readers += graph.consumers(op.outs[0])
        else:
            ops.append(op)
    if producer is None or not all(op.takes_wide(graph) for op in ops):
        return ()
    return tuple(op for op in ops if not op.is_view)
