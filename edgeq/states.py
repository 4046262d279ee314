"""Lowering of a graph's states: what is updated in place, and the copies behind the last call."""

from __future__ import annotations

from collections.abc import Mapping

from edgeq.board import Target
from edgeq.errors import UnsupportedError
from edgeq.ir import Graph, State
from edgeq.memory import root_of
from edgeq.ops.concat import copy_call
from edgeq.plan import Call


def in_place(graph: Graph) -> dict[str, str]:
    """The results that an operator writes over their state: {result: source}."""
    pairs = {(s.source, s.result) for s in graph.states}
    return {op.outs[o]: op.ins[i] for op in graph.ops for i, o in op.carried()
            if (op.ins[i], op.outs[o]) in pairs}


def state_copies(graph: Graph, views: Mapping[str, str], target: Target) -> tuple[Call, ...]:
    """One call for each other state: its result goes where the next run reads it.

    A result that is itself kept by another state is copied before that one changes; raises
    UnsupportedError where states wait for each other in a circle.
    """
    done = in_place(graph)
    waiting = [s for s in graph.states if s.result not in done]
    ordered: list[State] = []
    while waiting:
        read = {root_of(s.result, views): s for s in waiting}
        free = [s for s in waiting if read.get(s.source, s) is s]
        if not free:
            names = ", ".join(repr(s.source) for s in waiting)
            raise UnsupportedError("states", f"{names} take each other's values",
                                   "states that do not change places", "name other pairs")
        ordered += free
        waiting = [s for s in waiting if s not in free]
    return tuple(_copy(graph, s, target) for s in ordered)


def _copy(graph: Graph, state: State, target: Target) -> Call:
    source, result = graph.tensor(state.source), graph.tensor(state.result)
    if source.params.bits != 8 or result.params.bits != 8:
        raise UnsupportedError(f"state {state.source!r}", f"{source.params.bits} bits", "8 bits",
                               "choose a recipe with act_bits = 8")
    return copy_call("Keep", f"keep_{source.name}", result.name, source.name, 1, source.size,
                     (0, source.size), (0, source.size), (result.params, source.params), target)
