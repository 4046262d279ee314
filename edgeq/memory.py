"""Offline memory planning: calls with exact lifetimes -> offsets in one arena (docs/memory.md)."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgeq.plan import Call, Placement, Storage

TENSOR_ALIGN = 4  # word loads of DSP kernels and of cores without unaligned access
SCRATCH_ALIGN = 16  # contract of eq.h
_TRIES = 3000  # placements that the improvement search may evaluate
_PATIENCE = 300  # and how many of them without an improvement
_SEED = 1


@dataclass(frozen=True)
class Item:
    """Something to place: `first` and `last` as in plan.Storage."""

    tensors: tuple[str, ...]
    size: int
    first: int
    last: int
    align: int = TENSOR_ALIGN


Conflict = tuple[int, int | None, int | None, bool]


@dataclass(frozen=True)
class Problem:
    """Items and the permissions to overlap.

    `slides[(out, in)] = d`: item `out` is born in the call in which item `in` dies, and they may
    share bytes where offset(out) + d <= offset(in). `twins` holds such pairs (out, in) that may
    share bytes where offset(out) == offset(in).
    """

    items: tuple[Item, ...]
    slides: Mapping[tuple[int, int], int]
    calls: int
    twins: frozenset[tuple[int, int]] = frozenset()

    def conflicts(self) -> tuple[tuple[Conflict, ...], ...]:
        """For each item i the items j in use with it: (j, slide (i, j), slide (j, i), twins)."""
        rows: list[tuple[Conflict, ...]] = []
        for i, a in enumerate(self.items):
            rows.append(tuple(
                (j, self.slides.get((i, j)), self.slides.get((j, i)),
                 (i, j) in self.twins or (j, i) in self.twins)
                for j, b in enumerate(self.items)
                if i != j and a.size and b.size and a.first <= b.last and b.first <= a.last))
        return tuple(rows)

    def bound(self) -> int:
        """Bytes below which no placement in this order can go."""
        return max(self.bytes_in_use(), default=0)

    def bytes_in_use(self) -> tuple[int, ...]:
        """The least bytes before the first call, during each call and after the last one."""
        return tuple(self._bytes_at(t) for t in range(-1, self.calls + 1))

    def _bytes_at(self, t: int) -> int:
        """Bytes in use during call `t`: every block but the topmost ends at a word's border."""
        live = {i for i, a in enumerate(self.items) if a.first <= t <= a.last and a.size}
        blocks: list[int] = []
        loose = 0  # several dying inputs may leave less at the top than their sum says
        for out in sorted(live):
            near = {i: 0 if (out, i) in self.twins else self.slides[out, i] for i in live
                    if (out, i) in self.slides or (out, i) in self.twins}
            dying = list(near) if self.items[out].first == t else []
            if dying:
                blocks.append(joint_extent(
                    self.items[out].size, [(self.items[i].size, near[i]) for i in dying]))
                live -= {out, *dying}
                loose = TENSOR_ALIGN - 1 if len(dying) > 1 else loose
        blocks += [self.items[i].size for i in live]
        padding = [-size % TENSOR_ALIGN for size in blocks]
        return sum(blocks) + sum(padding) - max([loose, *padding])


def joint_extent(out: int, dying: Sequence[tuple[int, int]]) -> int:
    """Least bytes that an output and dying inputs, given as (size, slide), take together.

    They extend over the output, and over the inputs plus the least slide (or the whole output
    where that is less), which alignment makes a multiple of a word. With the output on top it is
    the inputs that alignment extends.
    """
    ins = sum(size for size, _ in dying)
    below = min(out, *(d for _, d in dying))
    on_top = ins + -ins % TENSOR_ALIGN + out
    return max(out, min(ins + below + -below % TENSOR_ALIGN, on_top))


def build_problem(calls: Sequence[Call], sizes: Mapping[str, int], views: Mapping[str, str],
                  ins: Sequence[str], outs: Sequence[str]) -> Problem:
    """Lifetimes of the storages behind `calls` in the given order.

    `sizes` holds the bytes of every activation; `views` maps an alias to what it aliases.
    """
    root = {name: root_of(name, views) for name in sizes}
    first: dict[str, int] = {root[n]: -1 for n in ins}
    last: dict[str, int] = {root[n]: -1 for n in ins}
    for t, call in enumerate(calls):
        for name in (*call.ins, *call.outs):
            if name in root:
                first.setdefault(root[name], t)
                last[root[name]] = t
    for name in outs:
        last[root[name]] = len(calls)
    members: dict[str, list[str]] = {r: [] for r in first}
    for name in sizes:
        if root[name] in members:
            members[root[name]].append(name)
    items = [Item(tuple(members[r]), max(sizes[n] for n in members[r]), first[r], last[r])
             for r in first]
    index = {r: i for i, r in enumerate(first)}
    slides = _slides(calls, root, items, index)
    twins = _twins(calls, root, items, index)
    for t, call in enumerate(calls):
        if call.scratch:
            items.append(Item((), call.scratch, t, t, SCRATCH_ALIGN))
    return Problem(tuple(items), slides, len(calls), twins)


def root_of(name: str, views: Mapping[str, str]) -> str:
    """The tensor whose place `name` takes: itself, or what it is a view of in the end."""
    while name in views:
        name = views[name]
    return name


def _slides(calls: Sequence[Call], root: Mapping[str, str], items: Sequence[Item],
            index: Mapping[str, int]) -> dict[tuple[int, int], int]:
    slides: dict[tuple[int, int], int] = {}
    for t, call in enumerate(calls):
        out = index[root[call.outs[0]]]
        if items[out].first != t:
            continue
        granted: dict[int, list[int | None]] = {}
        for name, distance in zip(call.ins, call.overlap, strict=True):
            if name in root:
                granted.setdefault(index[root[name]], []).append(distance)
        for i, distances in granted.items():
            known = [d for d in distances if d is not None]
            if i != out and items[i].last == t and len(known) == len(distances):
                slides[out, i] = max(known)
    return slides


def _twins(calls: Sequence[Call], root: Mapping[str, str], items: Sequence[Item],
           index: Mapping[str, int]) -> frozenset[tuple[int, int]]:
    """Outputs and inputs of in-place calls, where the one is born as the other dies."""
    twins = set()
    for t, call in enumerate(calls):
        if call.in_place and call.ins[0] in root:
            out, source = index[root[call.outs[0]]], index[root[call.ins[0]]]
            if out != source and items[out].first == t and items[source].last == t:
                twins.add((out, source))
    return frozenset(twins)


def place(problem: Problem) -> tuple[int, ...]:
    """Offsets of the items: first fit in several orders, then a seeded search among orders.

    Every best placement is reached by first fit in some order (ascending offsets), so the search
    walks through orders; it ends at the lower bound or after a fixed number of tries.
    """
    items, conflicts, bound = problem.items, problem.conflicts(), problem.bound()
    indices = range(len(items))
    starts = (
        sorted(indices, key=lambda i: (-items[i].size, items[i].first)),
        sorted(indices, key=lambda i: (-items[i].size * (items[i].last - items[i].first + 1), i)),
        sorted(indices, key=lambda i: (items[i].first, -items[i].size)),
        sorted(indices, key=lambda i: (-items[i].first, -items[i].size)),
        sorted(indices, key=lambda i: (-items[i].last, -items[i].size)),
    )
    best_peak, best = None, ()  # type: int | None, tuple[int, ...]
    order: list[int] = []
    for start in starts:
        offsets = _first_fit(items, conflicts, start)
        peak = peak_of(problem, offsets)
        if best_peak is None or peak < best_peak:
            best_peak, best, order = peak, offsets, list(start)
    if best_peak is None or best_peak <= bound or len(items) < 2:
        return best
    return _improve(problem, conflicts, order, best, bound)


def _improve(problem: Problem, conflicts: Sequence[Sequence[Conflict]],
             order: list[int], best: tuple[int, ...], bound: int) -> tuple[int, ...]:
    """Hill climbing with sideways steps: move an item at the peak, or a neighbour, in the order."""
    rng = random.Random(_SEED)
    items = problem.items
    current, offsets = peak_of(problem, best), best
    best_peak, last_gain = current, 0
    for tries in range(_TRIES):
        if tries - last_gain > _PATIENCE:
            break
        at_peak = [i for i, o in enumerate(offsets) if o + items[i].size == current]
        i = rng.choice(at_peak)
        if conflicts[i] and rng.random() < 0.6:
            i = rng.choice(conflicts[i])[0]
        trial = [j for j in order if j != i]
        trial.insert(rng.randrange(len(order)), i)
        found = _first_fit(items, conflicts, trial)
        peak = peak_of(problem, found)
        if peak <= current or rng.random() < 0.02:
            order, offsets, current = trial, found, peak
        if peak < best_peak:
            best, best_peak, last_gain = found, peak, tries
            if best_peak <= bound:
                break
    return best


def _first_fit(items: Sequence[Item],
               conflicts: Sequence[Sequence[Conflict]],
               order: Sequence[int]) -> tuple[int, ...]:
    """Each item in turn at its lowest legal offset beside those placed before it."""
    offsets = [-1] * len(items)
    for i in order:
        size, align = items[i].size, items[i].align
        placed = [(offsets[j], offsets[j] + items[j].size, as_out, as_in, twin)
                  for j, as_out, as_in, twin in conflicts[i] if offsets[j] >= 0]
        candidates = {0}
        for start, end, as_out, as_in, twin in placed:
            candidates.add(-(-end // align) * align)
            if twin:
                candidates.add(start)
            if as_out is not None and start >= as_out:
                candidates.add((start - as_out) // align * align)
            if as_in is not None:
                candidates.add(-(-(start + as_in) // align) * align)
        offsets[i] = min(
            c for c in candidates
            if all(c >= end or c + size <= start
                   or (as_out is not None and c + as_out <= start)
                   or (as_in is not None and start + as_in <= c) or (twin and c == start)
                   for start, end, as_out, as_in, twin in placed))
    return tuple(offsets)


def peak_of(problem: Problem, offsets: Sequence[int]) -> int:
    """Bytes of the arena that these offsets need."""
    return max((o + a.size for o, a in zip(offsets, problem.items, strict=True)), default=0)


def check_placement(problem: Problem, offsets: Sequence[int]) -> None:
    """Prove that the offsets are aligned and that no two items share bytes illegally.

    Written apart from the search (no shared helpers), so that a mistake there shows here.
    """
    assert len(offsets) == len(problem.items)
    for i, a in enumerate(problem.items):
        assert offsets[i] >= 0, (i, offsets[i])
        assert offsets[i] % a.align == 0, (i, offsets[i])
        for j, b in enumerate(problem.items[:i]):
            together = max(a.first, b.first) <= min(a.last, b.last)
            low = max(offsets[i], offsets[j])
            high = min(offsets[i] + a.size, offsets[j] + b.size)
            if not together or low >= high:
                continue
            legal = any(
                problem.items[x].first == problem.items[y].last
                and (((x, y) in problem.slides
                      and offsets[x] + problem.slides[x, y] <= offsets[y])
                     or ((x, y) in problem.twins and offsets[x] == offsets[y]))
                for x, y in ((i, j), (j, i)))
            assert legal, f"items {i} {a} at {offsets[i]} and {j} {b} at {offsets[j]} overlap"


def plan_memory(calls: Sequence[Call], sizes: Mapping[str, int], views: Mapping[str, str],
                ins: Sequence[str], outs: Sequence[str]) -> Placement:
    """The arena for `calls` in the given order, proven legal."""
    problem = build_problem(calls, sizes, views, ins, outs)
    where = place(problem)
    check_placement(problem, where)
    offsets: dict[str, int] = {}
    scratch: list[int | None] = [None] * len(calls)
    for item, offset in zip(problem.items, where, strict=True):
        for name in item.tensors:
            offsets[name] = offset
        if not item.tensors:
            scratch[item.first] = offset
    storages = tuple(Storage(a.tensors, a.size, a.first, a.last, o)
                     for a, o in zip(problem.items, where, strict=True))
    return Placement(offsets, tuple(scratch), peak_of(problem, where), problem.bound(), storages)
