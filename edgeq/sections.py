"""`--optimize ram`: which operators run together by rows (strips.py), to shrink the arena."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from edgeq.board import Target
from edgeq.ir import Graph
from edgeq.memory import Problem
from edgeq.ops.base import Op
from edgeq.plan import Call, Placement, Storage, Strips
from edgeq.strips import Lowering, Section, section

_LONGEST = 12  # operators of a section
_ROWS = (8, 4, 2)  # of a pass, where they cost no RAM


@dataclass(frozen=True, eq=False)
class Unit:
    """Neighbouring operators: as the calls of each, or as one section."""

    ops: tuple[Op, ...]
    calls: tuple[Call, ...]
    section: Section | None = None


Cost = Callable[[Sequence[Unit]], Problem]


def sections(lowering: Lowering, units: Sequence[Unit], cost: Cost) -> tuple[Unit, ...]:
    """`units`, one an operator, with the sections that need the fewest bytes at one time.

    Of such choices that with the fewest operators in sections. `cost` gives the placement problem
    behind units in their order. What is in use while a section runs does not depend on the others,
    so both are shortest paths over the borders between units.
    """
    n = len(units)
    bytes_of = _bytes_of(lowering, tuple(units), cost)
    least = [0] * (n + 1)  # peak of the units before each border
    for end in range(1, n + 1):
        least[end] = min(max(least[i], used) for (i, j), (used, _) in bytes_of.items() if j == end)
    paths: list[tuple[int, tuple[Unit, ...]]] = [(0, ())]
    for end in range(1, n + 1):
        ways = [(paths[i][0] + (len(unit.ops) if unit.section else 0), i, unit)
                for (i, j), (used, unit) in bytes_of.items() if j == end and used <= least[n]]
        nowhere = (len(units) + 1, end - 1, units[end - 1])
        count, i, unit = min(ways, key=lambda way: way[:2], default=nowhere)
        paths.append((count, (*paths[i][1], unit)))
    return _wider(lowering, paths[n][1], cost)


def _bytes_of(lowering: Lowering, units: tuple[Unit, ...], cost: Cost,
              ) -> dict[tuple[int, int], tuple[int, Unit]]:
    """Bytes in use while units i to j - 1 run together, and that unit, where they can."""
    plain = cost(units).bytes_in_use()
    calls = [0]
    for unit in units:
        calls.append(calls[-1] + len(unit.calls))
    found: dict[tuple[int, int], tuple[int, Unit]] = {}
    for i, unit in enumerate(units):
        found[i, i + 1] = max(plain[1 + calls[i]:1 + calls[i + 1]], default=0), unit
        for j in range(i + 2, min(len(units), i + _LONGEST) + 1):
            if units[j - 1].ops[0].rows(lowering.graph) is None:
                break
            ops = tuple(u.ops[0] for u in units[i:j])
            made = section(lowering, ops, 1)
            if made is None:
                continue
            whole = Unit(ops, (made.call,), made)
            used = cost((*units[:i], whole, *units[j:])).bytes_in_use()
            found[i, j] = used[1 + calls[i]], whole
    return found


def _wider(lowering: Lowering, units: tuple[Unit, ...], cost: Cost) -> tuple[Unit, ...]:
    """More rows a pass, which are fewer calls, where the peak stays."""
    bound = cost(units).bound()
    for i, unit in enumerate(units):
        if unit.section is None:
            continue
        for rows in _ROWS:
            made = section(lowering, unit.ops, rows)
            if made is None:
                continue
            trial = (*units[:i], Unit(unit.ops, (made.call,), made), *units[i + 1:])
            if cost(trial).bound() <= bound:
                units = trial
                break
    return units


def opened(units: Sequence[Unit], ordered: Sequence[Call], placement: Placement,
           ) -> tuple[tuple[Call, ...], Placement, tuple[Strips, ...]]:
    """`ordered` and its placement with the calls inside sections, and the sections' strips."""
    by_call = {id(u.section.call): u.section for u in units if u.section is not None}
    calls: list[Call] = []
    scratch: list[int | None] = []
    strips: list[Strips] = []
    offsets: dict[str, int] = dict(placement.offsets)
    begins: list[int] = []
    for call, place in zip(ordered, placement.scratch, strict=True):
        begins.append(len(calls))
        inner = by_call.get(id(call))
        if inner is None:
            calls.append(call)
            scratch.append(place)
            continue
        assert place is not None
        strips.append(replace(inner.strips, first=len(calls)))
        calls += inner.calls
        scratch += [place + at if c.scratch else None
                    for c, at in zip(inner.calls, inner.scratch, strict=True)]
        offsets |= {name: place + offset for name, offset in inner.offsets.items()}
    begins.append(len(calls))
    storages = tuple(_during(s, begins) for s in placement.storages)
    return tuple(calls), Placement(offsets, tuple(scratch), placement.arena, placement.bound,
                                   storages), tuple(strips)


def _during(storage: Storage, begins: Sequence[int]) -> Storage:
    """`storage` in use from the first call of its first section to the last one of its last."""
    calls = len(begins) - 1
    first = storage.first if storage.first < 0 else begins[storage.first]
    last = storage.last if storage.last < 0 else (
        begins[calls] if storage.last == calls else begins[storage.last + 1] - 1)
    return replace(storage, first=first, last=last)


def units_of(graph: Graph, target: Target, ordered: Sequence[Call]) -> tuple[Unit, ...]:
    """One unit for every operator that is not a view, in the order of the calls `ordered`."""
    at = {out: i for i, call in enumerate(ordered) for out in call.outs}
    units = (Unit((op,), op.lower(graph, target)) for op in graph.ops if not op.is_view)
    return tuple(sorted(units, key=lambda unit: max(at[o] for c in unit.calls for o in c.outs
                                                    ) if unit.calls else 0))
