"""Simplification: passes from graph to graph that leave the function as it is."""

from __future__ import annotations

from collections.abc import Callable

from edgeq.ir import Graph
from edgeq.passes.drop_unused import drop_unused
from edgeq.passes.fold_constants import fold_constants

PASSES: tuple[Callable[[Graph], Graph], ...] = (
    fold_constants,  # first: the other passes look for constant weights and constant factors
    drop_unused,  # last: what the others made superfluous
)


def simplify(graph: Graph) -> Graph:
    """`graph` with constants folded, batch norms, pads and activations merged."""
    for step in PASSES:
        graph = step(graph)
        graph.check()
    return graph
