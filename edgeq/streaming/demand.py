"""Which rows a step must have of every tensor: from the outputs back to the inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgeq.ir import Graph
from edgeq.ops.base import Op
from edgeq.ops.gather import Slice
from edgeq.ops.recurrent import Recurrent
from edgeq.streaming.reach import Reach, Rows, reach_of
from edgeq.streaming.tracks import StreamMode, StreamSave, Track


@dataclass(frozen=True)
class Parts:
    """What a step has of one tensor: at most three runs of rows, in the order of time."""

    head: Rows | None = None  # depends on the begin of the window, computed in every step
    ring: Rows | None = None  # kept, the newest of them join it in this step
    tail: Rows | None = None  # computed in this step: the newest, and what depends on the end

    @property
    def computed(self) -> tuple[Rows, ...]:
        return tuple(rows for rows in (self.head, self.tail) if rows is not None)


def parts_of(wanted: Sequence[Rows], t: Track) -> Parts:
    """The parts that cover the rows `wanted` of a tensor with the track `t`."""
    first, end = min(a for a, _ in wanted), max(b for _, b in wanted)
    heads = [(a, min(b, t.low)) for a, b in wanted if a < t.low]
    head = (min(a for a, _ in heads), max(b for _, b in heads)) if heads else None
    stable = [max(a, t.low) for a, b in wanted if b > t.low and a < t.high]
    if not stable:
        beyond = [max(a, t.high) for a, b in wanted if b > t.high]
        return Parts(head, None, (min(beyond), end) if beyond else None)
    fresh, oldest = max(t.low, t.high - t.hop), min(stable)
    assert first >= t.low or head is not None
    if oldest >= fresh:
        return Parts(head, None, (oldest, max(t.high, end)))
    return Parts(head, (oldest, t.high), (fresh, max(t.high, end)))


def fresh_parts(wanted: Sequence[Rows], t: Track) -> Parts:
    """The parts of a tensor whose rows a step computes anew, near both ends of the window.

    Where all rows are wanted, those that stay the same are kept as ever. The two runs may overlap:
    rows in both are computed twice, so that only one end need be in memory at a time.
    """
    if any(a <= t.low and b >= t.high for a, b in wanted):
        return parts_of(wanted, t)
    heads = [(a, b) for a, b in wanted if a < t.size - b]
    tails = [rows for rows in wanted if rows not in heads]
    runs = [(min(a for a, _ in part), max(b for _, b in part)) for part in (heads, tails) if part]
    return Parts(tail=runs[0]) if len(runs) == 1 else Parts(head=runs[0], tail=runs[1])


def demands(g: Graph, mode: StreamMode, tracks: Mapping[str, Track],
            save: StreamSave = StreamSave.WORK) -> dict[str, Parts]:
    """The parts of every tensor with a track that a step needs."""
    cover = fresh_parts if save is StreamSave.RAM and mode is StreamMode.WINDOW else parts_of
    wanted: dict[str, list[Rows]] = {name: [] for name in tracks}
    for name in g.outs:
        if name in tracks:
            wanted[name].append(whole(mode, tracks[name]))
    found: dict[str, Parts] = {}
    for op in reversed(g.ops):
        out, timed = op.outs[0], [n for n in op.ins if n in tracks]
        if out not in tracks:
            for name in timed:
                wanted[name].append(needed(op, mode, tracks[name]))
            continue
        if not wanted[out]:
            continue
        if isinstance(op, Recurrent):
            wanted[out].append(whole(mode, tracks[out]))  # every step's state, once
            wanted[op.ins[0]].append(whole(mode, tracks[op.ins[0]]))
            found[out] = parts_of(wanted[out], tracks[out])
            continue
        found[out] = cover(wanted[out], tracks[out])
        reach = known_reach(g, op, tracks)
        for name in timed:
            for rows in found[out].computed:
                wanted[name].append(clipped(reach.reads(rows), mode, tracks[name]))
    for name in g.ins:
        t = tracks[name]  # all that is new comes in, needed or not
        found[name] = parts_of([*wanted[name], (t.high - t.hop, t.high)], t)
    return found


def known_reach(g: Graph, op: Op, tracks: Mapping[str, Track]) -> Reach:
    """The reach of an operator whose output has a track."""
    reach = reach_of(g, op, {n: tracks[n].axis for n in op.ins if n in tracks})
    assert reach is not None, op.name
    return reach


def whole(mode: StreamMode, t: Track) -> Rows:
    """The rows for those who need all: the window, or what is new in a sequence."""
    return (0, t.size) if mode is StreamMode.WINDOW else (t.high - t.hop, t.high)


def needed(op: Op, mode: StreamMode, t: Track) -> Rows:
    """The rows for `op`, whose output has no rows of time: all, but what a Slice takes, which is
    the newest in a sequence.
    """
    if not isinstance(op, Slice):
        return whole(mode, t)
    if mode is StreamMode.SEQUENCE:
        return t.high - 1, t.high
    cut = op.cuts[t.axis]
    ends = sorted((cut.start, cut.start + (cut.size - 1) * cut.step))
    return ends[0], ends[1] + 1


def clipped(rows: Rows, mode: StreamMode, t: Track) -> Rows:
    """`rows` without padding."""
    return (max(rows[0], 0), min(rows[1], t.size)) if mode is StreamMode.WINDOW else rows
