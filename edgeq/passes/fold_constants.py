"""Constant folding: an operator on constants is computed now instead of on the board."""

from __future__ import annotations

from dataclasses import replace

from edgeq.ir import Graph
from edgeq.ops.base import Op, constant_results

_LARGEST = 1 << 24  # elements; a larger result stays an operator rather than fill the flash


def fold_constants(graph: Graph) -> Graph:
    """`graph` without the operators whose inputs are all constants, repeated to the end."""
    tensors, kept = dict(graph.tensors), list[Op]()
    for op in graph.ops:
        foldable = all(tensors[n].is_const for n in op.ins) and not set(op.outs) & set(graph.outs)
        if not foldable or any(tensors[n].size > _LARGEST for n in op.outs):
            kept.append(op)
            continue
        results = constant_results(graph.with_tensors(*(tensors[n] for n in op.ins)), op)
        for name, data in zip(op.outs, results, strict=True):
            tensors[name] = replace(tensors[name], data=data)
    return graph.replace(tensors=tensors, ops=tuple(kept))
