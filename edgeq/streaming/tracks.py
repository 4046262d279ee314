"""Which rows of every tensor stay the same from step to step, only at another place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from math import lcm

from edgeq.errors import UnsupportedError, UsageError
from edgeq.ir import Graph
from edgeq.ops.base import Op
from edgeq.ops.gather import Slice
from edgeq.ops.pool import Pool
from edgeq.ops.recurrent import Recurrent
from edgeq.streaming.reach import Reach, reach_of

ALWAYS = -(1 << 40)  # a row before all others


class StreamMode(Enum):
    """What a step gives."""

    AUTO = "auto"  # SEQUENCE for recurrent layers and where every output has rows of time
    WINDOW = "window"  # what the model gives for the newest window
    SEQUENCE = "sequence"  # the next rows of what it gives for the sequence since the reset


class StreamSave(Enum):
    """What a step over a window spares: it keeps rows of every layer, or computes them again."""

    WORK = "work"
    RAM = "ram"


@dataclass(frozen=True)
class StreamOptions:
    """How to turn a model over a window of time into one that takes a few frames a step."""

    mode: StreamMode = StreamMode.AUTO
    hop: int | None = None  # new frames a step; None: as few as the strides allow
    axis: int | None = None  # of time in the inputs as the file has them; None: behind the batch
    save: StreamSave = StreamSave.WORK

    def axis_of(self, graph: Graph, name: str) -> int:
        """The axis of time of input `name` of `graph`, channels last; raises UsageError."""
        rank = len(graph.tensor(name).shape)
        if self.axis is None:
            return 1
        if not 0 < self.axis < rank:
            raise UsageError("--time-axis", f"{self.axis} of input {name!r}, which has {rank} axes",
                             f"1 to {rank - 1}", "axes count from 0, the batch")
        moved = graph.moved.get(name)
        return self.axis if moved is None else moved[self.axis]


@dataclass(frozen=True)
class Track:
    """The rows of a tensor along `axis`, `size` of them in the window.

    A step brings `hop` rows. The rows from `low` up to `high` are those of the step before, moved
    by `hop`, as far as that had them; the others depend on where the window begins or ends.
    In sequences row 0 is the next frame after this step, and `high` <= 0 tells the delay.
    """

    axis: int
    size: int
    stride: int  # frames of the input a row
    hop: int
    low: int
    high: int


def tracks_of(graph: Graph, options: StreamOptions) -> tuple[StreamMode, dict[str, Track]]:
    """The mode, and the tracks of all tensors that have rows of time.

    Raises UsageError for an axis or a hop that cannot be, UnsupportedError where a sequence
    cannot be made of the model.
    """
    reaches, strides = _reaches(graph, options)
    mode = options.mode
    if mode is StreamMode.AUTO:
        recurrent = any(isinstance(op, Recurrent) and op.ins[0] in strides for op in graph.ops)
        rows = all(name in strides for name in graph.outs)
        mode = StreamMode.SEQUENCE if recurrent or rows else StreamMode.WINDOW
    hop = _hop(graph, options, mode, lcm(*strides.values()))
    tracks: dict[str, Track] = {}
    for name in graph.ins:
        axis = options.axis_of(graph, name)
        size = graph.tensor(name).shape[axis]
        low, high = (0, size) if mode is StreamMode.WINDOW else (ALWAYS, 0)
        tracks[name] = Track(axis, size, 1, hop, low, high)
    for op in graph.ops:
        reach = reaches.get(op.name)
        if reach is None:
            if mode is StreamMode.SEQUENCE and any(n in tracks for n in op.ins):
                _check_newest(graph, op, tracks)
                if isinstance(op, Recurrent) and not op.last_only:
                    tracks[op.outs[0]] = tracks[op.ins[0]]
            continue
        timed = [tracks[n] for n in op.ins if n in tracks]
        if len(timed) < sum(n in strides for n in op.ins):
            continue
        if mode is StreamMode.SEQUENCE:
            _check_sequence(graph, op, reach, timed[0])
        tracks[op.outs[0]] = _behind(graph, op, reach, timed, mode)
    return mode, tracks


def _reaches(graph: Graph, options: StreamOptions) -> tuple[dict[str, Reach], dict[str, int]]:
    """The reach of every operator that keeps rows of time, and frames a row of their tensors."""
    axes = {name: options.axis_of(graph, name) for name in graph.ins}
    for name, axis in axes.items():
        if axis >= len(graph.tensor(name).shape) or graph.tensor(name).shape[0] != 1:
            raise UsageError("--stream", f"input {name!r} has the shape {graph.tensor(name).shape}",
                             "a batch of 1 and an axis of time behind it",
                             "choose the axis with --time-axis")
    strides = dict.fromkeys(graph.ins, 1)
    reaches: dict[str, Reach] = {}
    for op in graph.ops:
        timed = [n for n in op.ins if n in axes]
        if not timed:
            continue
        out = op.outs[0]
        if isinstance(op, Recurrent):
            if not op.last_only:
                axes[out], strides[out] = 1, strides[timed[0]]
            continue
        reach = reach_of(graph, op, axes)
        if (reach is None or graph.tensor(out).shape[reach.axis] == 1
                or len({strides[n] for n in timed}) > 1):
            continue
        reaches[op.name] = reach
        axes[out], strides[out] = reach.axis, strides[timed[0]] * reach.stride
    return reaches, strides


def _hop(graph: Graph, options: StreamOptions, mode: StreamMode, least: int) -> int:
    hop = least if options.hop is None else options.hop
    window = min(graph.tensor(n).shape[options.axis_of(graph, n)] for n in graph.ins)
    if hop < 1 or hop % least or (mode is StreamMode.WINDOW and hop > window):
        raise UsageError("--hop", f"{hop} frames a step", f"a multiple of {least} (the strides in "
                         f"time) up to {window} (the window)", f"for example --hop {least}")
    return hop


def _behind(graph: Graph, op: Op, reach: Reach, timed: list[Track], mode: StreamMode) -> Track:
    """The track of the output of `op`."""
    size, s = graph.tensor(op.outs[0]).shape[reach.axis], reach.stride
    high = min((t.high - reach.span + reach.before) // s + 1 for t in timed)
    low = ALWAYS
    if mode is StreamMode.WINDOW:
        low = max(0, *(-(-(t.low + reach.before) // s) for t in timed))
        high = min(high, size)
        if low >= high:
            low = high = size
    return Track(reach.axis, size, timed[0].stride * s, timed[0].hop // s, low, high)


_WINDOW = "build with --stream window, or export the model with causal layers"


def _check_sequence(graph: Graph, op: Op, reach: Reach, x: Track) -> None:
    """Raise UnsupportedError where rows of a sequence would not be those of the window."""
    where = f"{type(op).__name__} {op.name!r}"
    size = graph.tensor(op.outs[0]).shape[reach.axis]
    if reach.reads((0, size))[1] > x.size:
        raise UnsupportedError(where, "is padded behind the newest frame: it looks ahead",
                               "padding in front of the oldest frame only", _WINDOW)
    if isinstance(op, Slice) and (reach.before or size * reach.stride != x.size):
        raise UnsupportedError(where, "cuts the time axis", "all rows, or the last one", _WINDOW)
    if reach.before > 0 and (x.high < 0 or isinstance(op, Pool)):
        found = ("pools padding" if isinstance(op, Pool) else
                 f"is padded behind a layer without padding, which delays by {-x.high} rows")
        raise UnsupportedError(where, found, "causal convolutions (padded in front by their whole "
                               "reach), or none with padding", _WINDOW)


def _check_newest(graph: Graph, op: Op, tracks: Mapping[str, Track]) -> None:
    """Raise UnsupportedError unless `op` can work on the newest rows alone."""
    name = next(n for n in op.ins if n in tracks)
    if isinstance(op, Recurrent) and not op.state_bits:
        raise UnsupportedError(f"{type(op).__name__} {op.name!r}", "starts anew in every run",
                               "Lstm, Gru and Rnn", "choose a recipe without `dynamic`")
    if isinstance(op, Recurrent) and tracks[name].high < 0:
        raise UnsupportedError(f"{type(op).__name__} {op.name!r}", "stands behind a layer without "
                               f"padding, which delays by {-tracks[name].high} rows",
                               "recurrent layers behind causal ones", _WINDOW)
    if isinstance(op, Recurrent) or is_last_row(graph, op, tracks[name]):
        return
    raise UnsupportedError(f"{type(op).__name__} {op.name!r}", "needs the whole window of time",
                           "recurrent layers and layers that keep the time axis", _WINDOW)


def is_last_row(graph: Graph, op: Op, x: Track) -> bool:
    """True for a Slice that takes the last row of time."""
    return isinstance(op, Slice) and (op.cuts[x.axis].start, op.cuts[x.axis].size) == (
        x.size - 1, 1)
