"""Lowering: an integer graph and a board -> the calls, their order, the arena and the sources."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from edgeq import kernels
from edgeq.board import Optimize, Target
from edgeq.ctext import checked_name, identifier
from edgeq.errors import UnsupportedError
from edgeq.field_ranges import check_fields
from edgeq.ir import Graph, dtype_of
from edgeq.memory import Problem, build_problem, plan_memory
from edgeq.ops.base import check_limits
from edgeq.plan import Call, Plan
from edgeq.resources import resource_dir
from edgeq.schedule import best_order
from edgeq.sections import Unit, opened, sections, units_of
from edgeq.states import in_place, state_copies
from edgeq.strips import Lowering

_INCLUDE = re.compile(r'^#include "(\w+\.h)"', flags=re.MULTILINE)


def lower(graph: Graph, target: Target, name: str | None = None) -> Plan:
    """The plan of an integer graph for a board.

    Raises UnsupportedError where a limit is broken, or where a number is too large for the C code.

    `name` prefixes every generated C symbol (default: from the graph's name); UsageError where
    it cannot.
    """
    _check_outputs(graph)
    for op in graph.ops:
        check_limits(op, graph)
    views = {op.outs[0]: op.ins[0] for op in graph.ops if op.is_view} | in_place(graph)
    calls = _calls(graph, target)
    if target.optimize is Optimize.SIZE:
        calls = _fewer_functions(graph, target, calls)
    check_fields(calls)
    sizes = {t.name: tensor_bytes(graph, t.name) for t in graph.activations()}
    copies = state_copies(graph, views, target)
    kept = tuple(state.source for state in graph.states)  # in use from before the first call on
    ins, outs = (*graph.ins, *kept), (*graph.outs, *kept)
    prefix = identifier(graph.name) if name is None else checked_name(name)
    ordered = best_order([*calls, *copies], sizes, views, ins, outs)
    placement = plan_memory(ordered, sizes, views, ins, outs)
    if target.optimize is not Optimize.RAM:
        return Plan(prefix, graph, target, ordered, placement, _sources(ordered))

    def problem(units: Sequence[Unit]) -> Problem:
        given = [*(call for unit in units for call in unit.calls), *copies]
        return build_problem(given, sizes, views, ins, outs)

    units = sections(Lowering(graph, target), units_of(graph, target, ordered), problem)
    joined = best_order([*(c for u in units for c in u.calls), *copies], sizes, views, ins, outs)
    smaller = plan_memory(joined, sizes, views, ins, outs)
    if smaller.arena >= placement.arena:
        return Plan(prefix, graph, target, ordered, placement, _sources(ordered))
    ordered, placement, strips = opened(units, joined, smaller)
    return Plan(prefix, graph, target, ordered, placement, _sources(ordered), strips)


def _calls(graph: Graph, target: Target) -> list[Call]:
    """The calls of all operators, in the graph's order."""
    return [call for op in graph.ops if not op.is_view for call in op.lower(graph, target)]


def _fewer_functions(graph: Graph, target: Target, calls: list[Call]) -> list[Call]:
    """`calls` without the functions whose layers others take that are there anyway.

    One function after the other goes where others of the same ISA take its layers and the source
    text that must be compiled gets shorter, which stands for the code: no compiler is asked.
    """
    used = {call.func for call in calls}
    all_funcs = {k.func for k in (*kernels.CONV2D, *kernels.DEPTHWISE, *kernels.DENSE)}
    target = replace(target, avoid=frozenset(all_funcs - used))
    for func in sorted(used):
        fewer = replace(target, avoid=target.avoid | {func})
        without = _calls(graph, fewer)
        if _text_size(without) < _text_size(calls):
            target, calls = fewer, without
    return calls


def _text_size(calls: list[Call]) -> int:
    """Characters of the runtime files that `calls` need, without comments and white space."""
    runtime = resource_dir("runtime_c")
    return sum(_code_characters(runtime / s) for s in {s for c in calls for s in c.sources})


@lru_cache(maxsize=256)
def _code_characters(path: Path) -> int:
    text = re.sub(r"/\*.*?\*/|\s+", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return len(text)


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
    """Runtime files, headers first, each once; of include/ those that the others ask for."""
    named = dict.fromkeys(s for call in calls for s in call.sources)
    included = (header for source in named for header in _included(source))
    headers = dict.fromkeys(("include/eq.h", *included, *(s for s in named if s.endswith(".h"))))
    return (*headers, *(s for s in named if s.endswith(".c")))


def _included(source: str) -> tuple[str, ...]:
    """The headers of include/ that a runtime file or the file of a custom operator includes."""
    runtime = resource_dir("runtime_c")
    found: list[str] = []
    for name in _INCLUDE.findall(_text(runtime / source)):
        header = f"include/{name}"
        if (runtime / header).is_file():
            found += [*_included(header), header]
    return tuple(found)


def _text(path: Path) -> str:
    """Of a file of the runtime; nothing where the file of a custom operator cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""  # emit says so, where it copies the file
