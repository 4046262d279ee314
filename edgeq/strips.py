"""Neighbouring operators that run together by rows: what lies between them is never whole.

A pass makes some rows of the last operator's output, and before them the rows of every operator in
between that are missing for it. Of the tensors in between, only the rows that are still needed lie
in scratch; no row is computed twice. (Lin et al. 2021, MCUNetV2, runs patches instead, whose
borders are computed again.) Every operator's kernel is the one that `Op.lower` takes for so many
rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgeq.board import Target
from edgeq.ir import Graph
from edgeq.memory import (
    SCRATCH_ALIGN,
    TENSOR_ALIGN,
    Item,
    Problem,
    check_placement,
    peak_of,
    place,
)
from edgeq.ops.base import Op
from edgeq.plan import Blob, Call, Strips
from edgeq.strip_rows import (
    Pass,
    Rows,
    Stage,
    lowest,
    needed,
    passes_of,
    readers,
    row_bytes,
    stages_of,
)

_MOST_STEP = (1 << 16) - 1  # tables in flash are uint16


@dataclass(frozen=True, eq=False)
class Section:
    """Operators as one call for the planner, and as calls over strips."""

    call: Call  # scratch holds what the kernels need and, behind it, the rows in between
    calls: tuple[Call, ...]  # fields that change from pass to pass are those of any pass
    strips: Strips  # with `first` = 0
    offsets: Mapping[str, int]  # in scratch, of the tensors in between
    scratch: tuple[int, ...]  # and of each call's own


class Lowering:
    """The calls of operators for some of their rows, each found once."""

    def __init__(self, graph: Graph, target: Target) -> None:
        self.graph, self.target = graph, target
        self._known: dict[tuple[str, Rows, int], Call | None] = {}

    def call(self, op: Op, rows: Rows, count: int) -> Call | None:
        """`op` over input `rows` for `count` output rows; None where that is not one call."""
        key = (op.name, replace(rows, first=0, end=rows.count), count)
        if key not in self._known:
            self._known[key] = self._lower(op, rows, count)
        return self._known[key]

    def _lower(self, op: Op, rows: Rows, count: int) -> Call | None:
        g = self.graph
        ins = tuple(n for n in op.ins if not g.tensor(n).is_const)
        heights = {**dict.fromkeys(ins, rows.count), op.outs[0]: count}
        tensors = {n: g.tensor(n) for n in (*op.ins, *op.outs)}
        for name, height in heights.items():
            shape = tensors[name].shape
            tensors[name] = replace(tensors[name], shape=(shape[0], height, *shape[2:]))
        part = op.with_border(rows.top, rows.bottom)
        calls = part.lower(Graph(tensors, (part,), tuple(dict.fromkeys(ins)), op.outs), self.target)
        return calls[0] if len(calls) == 1 else None


def section(lowering: Lowering, ops: Sequence[Op], rows: int) -> Section | None:
    """`ops`, neighbours in the graph's order, by passes of `rows` rows; None where they do not fit.

    They read one activation from outside, and only the output of the last one is read outside.
    """
    g = lowering.graph
    stages = stages_of(g, ops)
    if stages is None:
        return None
    passes = passes_of(stages, rows)
    if passes is None:
        return None
    calls = _calls(lowering, stages, passes)
    if calls is None:
        return None
    made = _assemble(g, stages, passes, calls)
    return made if made.strips.steps.max() <= _MOST_STEP else None


def _calls(lowering: Lowering, stages: tuple[Stage, ...], passes: tuple[Pass, ...],
           ) -> tuple[tuple[Call | None, ...], ...] | None:
    """The call of every stage in every pass; None where a stage needs different functions."""
    made = []
    for one in passes:
        row: list[Call | None] = []
        for stage, (first, end) in zip(stages, one, strict=True):
            rows = needed(stage.window, first, end, stage.in_h)
            if first < end and rows.count <= 0:
                return None
            call = lowering.call(stage.op, rows, end - first) if first < end else None
            if first < end and (call is None or sorted(call.ins) != sorted(stage.ins)):
                return None
            row.append(call)
        made.append(tuple(row))
    for i in range(len(stages)):
        own = [row[i] for row in made if row[i] is not None]
        if not own or any(not _alike(own[0], call) for call in own[1:]):
            return None
    return tuple(made)


def _alike(a: Call | None, b: Call | None) -> bool:
    """The same function over the same tables."""
    if a is None or b is None or (a.func, a.ins, len(a.fields)) != (b.func, b.ins, len(b.fields)):
        return False
    return all(
        (isinstance(v, Blob) and isinstance(w, Blob) and np.array_equal(v.data, w.data))
        or (isinstance(v, int) and isinstance(w, int))
        for (_, v), (_, w) in zip(a.fields, b.fields, strict=True))


def _assemble(g: Graph, stages: tuple[Stage, ...], passes: tuple[Pass, ...],
              made: tuple[tuple[Call | None, ...], ...]) -> Section:
    last = len(stages) - 1
    lows = [[lowest(stages, one, i) for i in range(-1, last)] for one in passes]
    calls, varying = [], []
    for i, stage in enumerate(stages):
        own = [c for c in (row[i] for row in made) if c is not None]
        names = tuple(
            name for k, (name, value) in enumerate(own[0].fields) if isinstance(value, int)
            and any(c.fields[k][1] != value for c in own))
        scratch = None if own[0].scratch is None else max(c.scratch or 0 for c in own)
        calls.append(replace(own[0], scratch=scratch, macs=stage.op.macs(g),
                             note=f"by rows with {len(stages) - 1} more"))
        varying.append(names)
    table = [_line(stages, tuple(calls), one, row, low, varying, passes[k - 1] if k else None,
                   lows[k - 1] if k else None)
             for k, (one, row, low) in enumerate(zip(passes, made, lows, strict=True))]
    at, offsets, places = _inside(g, stages, passes, made, lows)
    x = next(n for n in stages[0].op.ins if not g.tensor(n).is_const)
    y = stages[last].op.outs[0]
    call = Call(
        name=stages[0].op.name, op="Strips", func="", struct="", fields=(), ins=(x,), outs=(y,),
        sources=tuple(dict.fromkeys(s for c in calls for s in c.sources)),
        overlap=(_distance(g, stages, passes, lows, made, x, y),), scratch=at)
    steps = np.array(table, np.int64)
    assert steps.min() >= 0
    strips = Strips(0, steps, tuple(varying))
    return Section(call, tuple(calls), strips, offsets, places)


def _inside(g: Graph, stages: tuple[Stage, ...], passes: tuple[Pass, ...],
            made: tuple[tuple[Call | None, ...], ...], lows: list[list[int]],
            ) -> tuple[int, dict[str, int], tuple[int, ...]]:
    """Bytes of a section's scratch, where the tensors in between lie in it, and calls' scratch.

    Rows that wait for the next pass are in use all the time, others from the stage that writes them
    to the last one that reads them. Such rows may lie over what their own stage reads last.
    """
    last = len(stages) - 1
    sizes, waits = [], []
    for i in range(last):
        row = row_bytes(g, stages[i].op.outs[0])
        sizes.append(row * max(p[i][1] - low[i + 1] for p, low in zip(passes, lows, strict=True)))
        waits.append(any(p[i][1] > low[i + 1] for p, low in zip(passes, lows[1:], strict=False)))
    over = {i: b for i in range(last) if not waits[i]
            and (b := _over(g, stages, passes, made, lows, waits, i, sizes[i])) is not None}
    heads = dict(over.values())
    items, owners = [], []
    for i in range(last):
        if i not in over:
            first, end = (0, last) if waits[i] else (i, max(readers(stages, i)))
            items.append(Item((stages[i].op.outs[0],), heads.get(i, 0) + sizes[i], first, end))
            owners.append(i)
    for i in range(last + 1):
        most = max((c.scratch or 0 for c in (row[i] for row in made) if c is not None), default=0)
        items.append(Item((), most, i, i, SCRATCH_ALIGN))
    problem = Problem(tuple(items), {}, last + 1)
    places = place(problem)
    check_placement(problem, places)
    starts = dict(zip(owners, places, strict=False))
    offsets = {stages[i].op.outs[0]: starts[i] + heads.get(i, 0) for i in owners}
    offsets |= {stages[i].op.outs[0]: starts[source] for i, (source, _) in over.items()}
    return peak_of(problem, places), offsets, places[len(owners):]


def _over(g: Graph, stages: tuple[Stage, ...], passes: tuple[Pass, ...],
          made: tuple[tuple[Call | None, ...], ...], lows: list[list[int]], waits: list[bool],
          i: int, size: int) -> tuple[int, int] | None:
    """(tensor, bytes before it) where rows of `size` bytes may lie over what stage i reads last."""
    source = stages[i].sources[0]
    if len(stages[i].sources) != 1 or source < 0 or not waits[source] or (
            readers(stages, source) != [i]):
        return None
    distances = [c.overlap[0] for c in (row[i] for row in made) if c is not None]
    if any(d is None for d in distances):
        return None
    head = -(-max(d for d in distances if d is not None) // TENSOR_ALIGN) * TENSOR_ALIGN
    done = min(after[source + 1] - low[source + 1] for low, after in itertools.pairwise(lows))
    fits = size <= head + done * row_bytes(g, stages[source].op.outs[0])
    return (source, head) if fits and head < size else None


def _line(stages: tuple[Stage, ...], calls: tuple[Call, ...], one: Pass,
          row: tuple[Call | None, ...], low: list[int], varying: list[tuple[str, ...]],
          before: Pass | None, low_before: list[int] | None) -> list[int]:
    """A row of Strips.steps."""
    line: list[int] = []
    last = len(stages) - 1
    for i, (stage, call) in enumerate(zip(stages, row, strict=True)):
        first, end = one[i]
        values = dict(call.fields) if call is not None else {}
        line.append(end - first)
        for name in varying[i]:
            value = values.get(name, 0)
            assert isinstance(value, int)
            line.append(value)
        rows = needed(stage.window, first, end, stage.in_h)
        for source in stage.read(calls[i]):
            base = 0 if source < 0 else low[source + 1]
            line.append(rows.first - base if call is not None else 0)
        line.append(first - (0 if i == last else low[i + 1]))
        if i < last:  # what moves down in the buffer before this pass: from, how many rows
            shift = 0 if low_before is None else low[i + 1] - low_before[i + 1]
            keep = 0 if before is None else max(0, one[i][0] - low[i + 1])
            line += [shift, keep if shift else 0]
    return line


def _distance(g: Graph, stages: tuple[Stage, ...], passes: tuple[Pass, ...],
              lows: list[list[int]], made: tuple[tuple[Call | None, ...], ...], x: str,
              y: str) -> int:
    """Least distance by which the output may start below the section's dying input."""
    last = len(stages) - 1
    x_row, y_row = row_bytes(g, x), row_bytes(g, y)
    distance = 0
    for k, (one, row) in enumerate(zip(passes, made, strict=True)):
        first, end = one[last]
        if k + 1 < len(passes):
            distance = max(distance, end * y_row - lows[k + 1][0] * x_row)
        call = row[last]
        if call is None:
            continue
        for source, own in zip(stages[last].read(call), call.overlap, strict=True):
            if source < 0:
                rows = needed(stages[last].window, first, end, stages[last].in_h)
                ahead = end * y_row if own is None else first * y_row + own
                distance = max(distance, ahead - rows.first * x_row)
    return distance
