"""The graph of one step: every operator on the rows that are new, windows kept where needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from edgeq.errors import UsageError
from edgeq.execute import run_int
from edgeq.ir import Array, Graph, State, Tensor
from edgeq.ops.base import Op
from edgeq.ops.concat import Concat
from edgeq.ops.gather import Cut, Slice
from edgeq.ops.recurrent import Recurrent
from edgeq.ops.shift import Shift
from edgeq.passes.in_order import in_order
from edgeq.streaming.demand import Parts, clipped, demands, known_reach, needed, whole
from edgeq.streaming.framing import Framing, InputFrames, OutputRows
from edgeq.streaming.reach import Rows, on_rows
from edgeq.streaming.sums import with_row_sums
from edgeq.streaming.tracks import StreamMode, StreamOptions, StreamSave, Track, tracks_of

_HEAD = "@head"  # of the operators that work on the rows near the begin of the window


@dataclass(frozen=True, eq=False)
class Streamed:
    """A model turned into steps."""

    graph: Graph
    mode: StreamMode
    framing: Framing


def stream(graph: Graph, options: StreamOptions) -> Streamed:
    """One step of the integer `graph`, whose windows and states are kept between runs.

    A step takes `hop` frames and gives what StreamMode says, the bytes of `graph`. At reset a
    window is that of zeros (real 0.0), a sequence begins. Raises UsageError and UnsupportedError.
    """
    mode, tracks = tracks_of(graph, options)
    if options.save is StreamSave.RAM and mode is StreamMode.WINDOW:
        graph = with_row_sums(graph, tracks)
        mode, tracks = tracks_of(graph, replace(options, mode=mode))
    parts = demands(graph, mode, tracks, options.save)
    build = _Build(graph, mode, tracks, parts, _at_rest(graph, mode, tracks),
                   options.save)
    for name in graph.ins:
        build.input(name)
    for op in graph.ops:
        build.step(op)
    made = build.graph()
    if not made.states:
        raise UsageError("--stream", f"a step of {tracks[graph.ins[0]].hop} frames keeps nothing "
                         "for the next one", "fewer frames a step than the window has",
                         "build without --stream, or give another --hop")
    return Streamed(made, mode, _framing(graph, mode, tracks))


def _framing(graph: Graph, mode: StreamMode, tracks: Mapping[str, Track]) -> Framing:
    sequence = mode is StreamMode.SEQUENCE
    inputs = {n: InputFrames(tracks[n].axis, tracks[n].size,
                             int(graph.tensor(n).params.quantize(np.zeros(()))))
              for n in graph.ins}
    outputs = {n: OutputRows(t.axis, t.size, t.hop, -t.high) for n, t in tracks.items()
               if sequence and n in graph.outs}
    return Framing(sequence, tracks[graph.ins[0]].hop, inputs,
                   {n: outputs.get(n, OutputRows(None)) for n in graph.outs})


def _at_rest(graph: Graph, mode: StreamMode, tracks: Mapping[str, Track]) -> dict[str, Array]:
    """One stable row of every tensor of a window of zeros."""
    if mode is not StreamMode.WINDOW:
        return {}
    zeros = {n: np.broadcast_to(graph.tensor(n).params.quantize(np.zeros(())),
                                graph.tensor(n).shape) for n in graph.ins}
    values = run_int(graph, zeros, keep=tracks)
    return {n: np.take(values[n], [t.low], t.axis) for n, t in tracks.items() if t.low < t.high}


@dataclass(eq=False)
class _Build:
    """The step's graph under construction; `have` lists the runs of rows that exist so far."""

    source: Graph
    mode: StreamMode
    tracks: Mapping[str, Track]
    parts: Mapping[str, Parts]
    rest: Mapping[str, Array]
    save: StreamSave
    tensors: dict[str, Tensor] = field(default_factory=dict)
    ops: list[Op] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    have: dict[str, list[tuple[Rows, str]]] = field(default_factory=dict)

    def graph(self) -> Graph:
        """The finished graph; outputs keep their names."""
        wanted = {}
        for name in self.source.outs:
            t = self.tracks.get(name)
            wanted[name] = name if t is None else self.rows(name, whole(self.mode, t))
        swap = {made: name for name, made in wanted.items() if made != name}
        swap |= {name: f"{name}@rows" for name in swap.values()}

        def new(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(swap.get(n, n) for n in names)

        tensors = {swap.get(n, n): replace(t, name=swap.get(n, n))
                   for n, t in self.tensors.items()}
        ops = tuple(replace(op, ins=new(op.ins), outs=new(op.outs)) for op in self.in_turn())
        states = tuple(replace(s, result=swap.get(s.result, s.result)) for s in self.states)
        made = replace(self.source, tensors=tensors, ops=ops, outs=new(tuple(wanted.values())),
                       states=states)
        return made.replace()

    def in_turn(self) -> tuple[Op, ...]:
        """The operators; where few rows are kept those of the head in front, so that only one end
        of the window is in memory at a time.
        """
        heads = [op for op in self.ops if op.name.endswith(_HEAD)]
        if self.save is StreamSave.WORK or not heads:
            return tuple(self.ops)
        ops = in_order([*heads, *(op for op in self.ops if not op.name.endswith(_HEAD))])
        assert ops is not None, "a step has no circles"
        return ops

    def input(self, name: str) -> None:
        t = self.tracks[name]
        tensor = self.source.tensor(name)
        self.tensors[name] = replace(tensor, shape=_sized(tensor.shape, t.axis, t.hop))
        self.have[name] = [((t.high - t.hop, t.high), name)]
        self.keep(name)

    def step(self, op: Op) -> None:
        """Put the operators of one step in the place of `op`."""
        for name in op.ins:
            if name and self.source.tensor(name).is_const:
                self.tensors[name] = self.source.tensor(name)
        out = op.outs[0]
        if out in self.tracks and out not in self.parts:
            return  # nobody needs it
        if isinstance(op, Recurrent) and self.mode is StreamMode.SEQUENCE:
            self.recurrent(op)
        elif out in self.tracks:
            self.piecewise(op)
        else:
            self.at_once(op)

    def piecewise(self, op: Op) -> None:
        """`op` on the rows of each part of its output."""
        out, reach = op.outs[0], known_reach(self.source, op, self.tracks)
        parts = self.parts[out]
        self.have[out] = []
        for rows in parts.computed:
            tag = _HEAD if rows == parts.head and parts.tail is not None else ""
            read, ins, pads, axis = reach.reads(rows), [], (0, 0), 0
            for name in op.ins:
                t = self.tracks.get(name)
                if t is not None:
                    inside, axis = clipped(read, self.mode, t), t.axis
                    pads = (inside[0] - read[0], read[1] - inside[1])
                    name = self.rows(name, inside)
                ins.append(name)
            made = replace(on_rows(op, reach, axis, rows, pads), name=op.name + tag,
                           ins=tuple(ins), outs=(out + tag,))
            self.emit(made, out)
            self.have[out].append((rows, out + tag))
        self.keep(out)

    def recurrent(self, op: Recurrent) -> None:
        """`op` goes on from the state that the last step left."""
        x = self.rows(op.ins[0], whole(self.mode, self.tracks[op.ins[0]]))
        out = op.outs[0]
        before = tuple(f"{out}/state{i}" for i in range(len(op.state_bits)))
        after = tuple(f"{name}/next" for name in before)
        shape = (1, op.units(self.source))
        for name, q in zip(before, op.state_params(self.source), strict=True):
            self.tensors[name] = Tensor(name, shape, None, q)
            self.tensors[f"{name}/next"] = Tensor(f"{name}/next", shape, None, q)
            self.states.append(State(name, f"{name}/next"))
        self.emit(replace(op, stateful=True, ins=(x, *op.ins[1:], *before), outs=(out, *after)),
                  out)
        if out in self.tracks:
            self.have[out] = [(whole(self.mode, self.tracks[out]), out)]
            self.keep(out)

    def at_once(self, op: Op) -> None:
        """`op` as it is, on all rows; where it takes some of them, on those."""
        ins = []
        for name in op.ins:
            t = self.tracks.get(name)
            if t is None:
                ins.append(name)
                continue
            rows = needed(op, self.mode, t)
            if isinstance(op, Slice):
                old = op.cuts[t.axis]
                new = Cut(0 if old.step > 0 else rows[1] - rows[0] - 1, old.size, old.step)
                op = replace(op, cuts=tuple(new if i == t.axis else cut
                                            for i, cut in enumerate(op.cuts)))
            ins.append(self.rows(name, rows))
        made = replace(op, ins=tuple(ins))
        for name in op.outs:
            self.emit_tensor(made, name, name)
        self.ops.append(made)

    def keep(self, name: str) -> None:
        """The ring of `name`, where its parts have one."""
        ring = self.parts[name].ring
        if ring is None:
            return
        t, (_, high) = self.tracks[name], ring
        fresh = self.rows(name, (max(t.low, high - t.hop), high))
        base = self.short(name)
        kept, after = f"{base}@kept", f"{base}@window"
        tensor = self.source.tensor(name)
        shape = _sized(tensor.shape, t.axis, high - ring[0])
        for n in (kept, after):
            self.tensors[n] = Tensor(n, shape, None, tensor.q)
        self.states.append(State(kept, after, self.rest.get(name)))
        self.ops.append(Shift(name=f"{base}@moved", ins=(kept, fresh), outs=(after,), axis=t.axis))
        self.have[name].append((ring, after))

    def rows(self, name: str, rows: Rows) -> str:
        """A tensor with just these rows of `name`."""
        at, pieces = rows[0], []
        while at < rows[1]:
            fits = [(r, n) for r, n in self.have[name] if r[0] <= at < r[1]]
            whole_piece, part = max(fits, key=lambda f: (min(f[0][1], rows[1]),
                                                         f[0][0] - f[0][1]))
            end = min(whole_piece[1], rows[1])
            pieces.append(self.cut(name, part, whole_piece, (at, end)))
            at = end
        if len(pieces) == 1:
            return pieces[0]
        joined = self.label(name, rows, "joined")
        axis = self.tracks[name].axis
        self.emit(Concat(name=joined, ins=tuple(pieces), outs=(joined,), axis=axis), name)
        self.have[name].append((rows, joined))
        return joined

    def cut(self, name: str, part: str, has: Rows, rows: Rows) -> str:
        """The `rows` of the tensor `part`, which has the rows `has` of `name`."""
        if has == rows:
            return part
        axis, shape = self.tracks[name].axis, self.tensors[part].shape
        cuts = tuple(Cut(rows[0] - has[0], rows[1] - rows[0], 1) if i == axis else Cut(0, n, 1)
                     for i, n in enumerate(shape))
        made = self.label(name, rows, "rows")
        self.emit(Slice(name=made, ins=(part,), outs=(made,), cuts=cuts), name)
        self.have[name].append((rows, made))
        return made

    def label(self, name: str, rows: Rows, what: str) -> str:
        """A name for some rows of `name`."""
        return f"{self.short(name)}@{what}_{rows[0]}_{rows[1]}"

    def short(self, name: str) -> str:
        """`name` by the operator that makes it: readers give tensors long names."""
        op = self.source.producer(name)
        return name if op is None else op.name

    def emit(self, op: Op, of: str) -> None:
        """Add `op`; its output has the parameters of the source's tensor `of`."""
        self.emit_tensor(op, op.outs[0], of)
        self.ops.append(op)

    def emit_tensor(self, op: Op, name: str, of: str) -> None:
        shape = op.shape(*(self.tensors[n].shape for n in op.ins))[op.outs.index(name)]
        self.tensors[name] = Tensor(name, shape, None, self.source.tensor(of).q)


def _sized(shape: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    return (*shape[:axis], size, *shape[axis + 1:])
