"""Execution order: the topological order of the calls whose live bytes peak lowest."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

from edgeq.memory import build_problem, root_of
from edgeq.plan import Call

_STATES = 4000  # sets of finished calls that the search may expand


def best_order(calls: Sequence[Call], sizes: Mapping[str, int], views: Mapping[str, str],
               ins: Sequence[str], outs: Sequence[str]) -> tuple[Call, ...]:
    """`calls` in an order with the lowest peak found; the given order on ties.

    Best-first search over sets of finished calls, cost = highest live bytes so far, where an
    output counts nothing beyond a dying input that it may replace; exact unless the bound on
    states is hit, which leaves the given order.
    """
    given = tuple(calls)
    before = _dependencies(given, views)
    if _is_chain(before):
        return given
    found = _search(given, before, _Live(given, sizes, views, ins, outs))
    if found is None:
        return given
    reordered = tuple(given[i] for i in found)

    def peak(order: Sequence[Call]) -> int:
        return build_problem(order, sizes, views, ins, outs).bound()

    return reordered if peak(reordered) < peak(given) else given


def _is_chain(before: Sequence[int]) -> bool:
    return all(mask >> (i - 1) & 1 for i, mask in enumerate(before) if i)


def _dependencies(calls: Sequence[Call], views: Mapping[str, str]) -> list[int]:
    """For each call the bit set of calls that must come before it (reads and writes in order)."""
    before: list[int] = []
    reads: dict[str, int] = {}
    writes: dict[str, int] = {}
    for i, call in enumerate(calls):
        mask = 0
        for name in call.ins:
            mask |= writes.get(root_of(name, views), 0)
        for name in call.outs:
            root = root_of(name, views)
            mask |= writes.get(root, 0) | reads.get(root, 0)
        before.append(mask)
        for name in call.ins:
            root = root_of(name, views)
            reads[root] = reads.get(root, 0) | 1 << i
        for name in call.outs:
            root = root_of(name, views)
            writes[root] = writes.get(root, 0) | 1 << i
    return before


class _Live:
    """Live bytes during a call, given which calls are finished."""

    def __init__(self, calls: Sequence[Call], sizes: Mapping[str, int],
                 views: Mapping[str, str], ins: Sequence[str], outs: Sequence[str]) -> None:
        self.size = {root_of(n, views): 0 for n in sizes}
        for name, nbytes in sizes.items():
            root = root_of(name, views)
            self.size[root] = max(self.size[root], nbytes)
        self.reads = [tuple(sorted({root_of(n, views) for n in c.ins} & self.size.keys()))
                      for c in calls]
        self.writes = [tuple(sorted({root_of(n, views) for n in c.outs})) for c in calls]
        self.scratch = [c.scratch or 0 for c in calls]
        self.free = [tuple(root_of(n, views) for n, d in zip(c.ins, c.overlap, strict=True)
                           if d is not None and root_of(n, views) in self.size) for c in calls]
        self.ins = {root_of(n, views) for n in ins}
        self.outs = {root_of(n, views) for n in outs}
        self.users: dict[str, int] = {}
        for i in range(len(calls)):
            for root in (*self.reads[i], *self.writes[i]):
                self.users[root] = self.users.get(root, 0) | 1 << i

    def alive(self, done: int) -> set[str]:
        """Storages that hold a value after the calls in `done`."""
        return {r for r, users in self.users.items()
                if (r in self.ins or users & done) and (r in self.outs or users & ~done)}

    def during(self, alive: set[str], done: int, i: int) -> int:
        """Bytes while call `i` runs after the calls in `done`."""
        born = [r for r in self.writes[i] if r not in alive]
        total = sum(self.size[r] for r in alive) + sum(self.size[r] for r in born)
        after = done | 1 << i
        dying = [r for r in self.free[i] if r not in self.outs and not self.users[r] & ~after]
        if born and dying:
            total -= min(self.size[born[0]], sum(self.size[r] for r in set(dying)))
        return total + self.scratch[i]


def _search(calls: Sequence[Call], before: Sequence[int], live: _Live) -> tuple[int, ...] | None:
    full = (1 << len(calls)) - 1
    heap: list[tuple[int, int, tuple[int, ...]]] = [(0, 0, ())]  # (peak, -finished, order)
    best = {0: 0}
    expanded = 0
    while heap and expanded < _STATES:
        peak, _, order = heapq.heappop(heap)
        done = sum(1 << i for i in order)
        if done == full:
            return order
        if best[done] < peak:
            continue
        expanded += 1
        alive = live.alive(done)
        for i, needs in enumerate(before):
            if done >> i & 1 or needs & ~done:
                continue
            cost = max(peak, live.during(alive, done, i))
            after = done | 1 << i
            if cost < best.get(after, cost + 1):
                best[after] = cost
                heapq.heappush(heap, (cost, -len(order) - 1, (*order, i)))
    return None
