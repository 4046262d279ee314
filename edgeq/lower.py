"""Lowering: an integer graph and a board -> the calls, their order, the arena and the sources."""

from __future__ import annotations

from edgeq.board import Target
from edgeq.ctext import checked_name, identifier
from edgeq.errors import UnsupportedError
from edgeq.ir import Graph, dtype_of
from edgeq.memory import plan_memory
from edgeq.ops.base import check_limits
from edgeq.plan import Call, Plan
from edgeq.schedule import best_order

HEADERS = ("include/eq.h", "include/eq_ops.h", "include/eq_requant.h")


def lower(graph: Graph, target: Target, name: str | None = None) -> Plan:
    """The plan of an integer graph for a board; raises UnsupportedError where a limit is broken.

    `name` prefixes every generated C symbol (default: from the graph's name); UsageError where
    it cannot.
    """
    _check_outputs(graph)
    calls: list[Call] = []
    views: dict[str, str] = {}
    for op in graph.ops:
        check_limits(op, graph)
        if op.is_view:
            views[op.outs[0]] = op.ins[0]
        else:
            calls.extend(op.lower(graph, target))
    sizes = {t.name: tensor_bytes(graph, t.name) for t in graph.activations()}
    ordered = best_order(calls, sizes, views, graph.ins, graph.outs)
    placement = plan_memory(ordered, sizes, views, graph.ins, graph.outs)
    prefix = identifier(graph.name) if name is None else checked_name(name)
    return Plan(prefix, graph, target, ordered, placement, _sources(ordered))


def tensor_bytes(graph: Graph, name: str) -> int:
    """Bytes that the activation `name` takes in the arena."""
    tensor = graph.tensor(name)
    return tensor.size * dtype_of(tensor.params.bits)().itemsize


def _check_outputs(graph: Graph) -> None:
    for name in graph.outs:
        if graph.tensor(name).is_const:
            raise UnsupportedError("graph", f"output {name!r} is a constant",
                                   "outputs that depend on an input", "remove this output")


def _sources(calls: tuple[Call, ...]) -> tuple[str, ...]:
    """Runtime files, headers first, each once."""
    named = dict.fromkeys((*HEADERS, *(s for call in calls for s in call.sources)))
    return (*(s for s in named if s.endswith(".h")), *(s for s in named if s.endswith(".c")))
