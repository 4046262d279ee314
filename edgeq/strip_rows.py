"""Which rows neighbouring operators read and make in each pass of a section (strips.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeq.ir import Graph
from edgeq.memory import TENSOR_ALIGN
from edgeq.ops.base import Op
from edgeq.ops.windows import Window
from edgeq.plan import Call

_MOST_PASSES = 256  # rows of a table in flash


@dataclass(frozen=True)
class Rows:
    """Rows `first` to `end` - 1 of a tensor; `top` and `bottom` more are padding."""

    first: int
    end: int
    top: int = 0
    bottom: int = 0

    @property
    def count(self) -> int:
        return self.end - self.first


def needed(window: Window, first: int, end: int, height: int) -> Rows:
    """The input rows, of `height`, behind output rows `first` to `end` - 1."""
    low = first * window.stride[0] - window.pad[0][0]
    reach = (window.kh - 1) * window.dilation[0] + 1
    high = (end - 1) * window.stride[0] - window.pad[0][0] + reach
    return Rows(min(max(low, 0), height), max(min(high, height), 0),
                max(-low, 0), max(high - height, 0))


@dataclass(frozen=True)
class Stage:
    """An operator of a section: its inputs as numbers of operators, -1 is the section's input."""

    op: Op
    window: Window
    ins: tuple[str, ...]  # activations
    sources: tuple[int, ...]  # and where they come from
    in_h: int
    out_h: int

    def read(self, call: Call) -> tuple[int, ...]:
        """Where the inputs of its call come from, which may be in another order."""
        where = dict(zip(self.ins, self.sources, strict=True))
        return tuple(where[name] for name in call.ins)


Pass = tuple[tuple[int, int], ...]  # output rows (first, end) of every stage; none: first == end


def stages_of(g: Graph, ops: Sequence[Op]) -> tuple[Stage, ...] | None:
    """`ops` as stages; None where one is not row by row, or they read two tensors from outside."""
    inside = {op.outs[0]: i for i, op in enumerate(ops)}
    outside: set[str] = set()
    stages = []
    for i, op in enumerate(ops):
        window = op.rows(g)
        ins = tuple(n for n in op.ins if not g.tensor(n).is_const)
        outside |= {n for n in ins if inside.get(n, i) >= i}
        if window is None or len(op.outs) != 1 or len(outside) > 1 or not ins:
            return None
        shapes = [g.tensor(n).shape for n in (*ins, *op.outs)]
        bits = [g.tensor(n).params.bits for n in (*ins, *op.outs)]
        if any(len(s) != 4 or s[2] * s[3] * b // 8 % TENSOR_ALIGN
               for s, b in zip(shapes, bits, strict=True)):
            return None
        stages.append(Stage(op, window, ins, tuple(inside.get(n, -1) for n in ins), shapes[0][1],
                             shapes[-1][1]))
    members = {op.name for op in ops}
    for op in ops[:-1]:
        used = g.consumers(op.outs[0])
        if op.outs[0] in g.outs or not used or any(r.name not in members for r in used):
            return None
    return tuple(stages)


def readers(stages: Sequence[Stage], tensor: int) -> list[int]:
    """The stages that read the output of stage `tensor` (-1: the section's input)."""
    return [j for j, s in enumerate(stages) if tensor in s.sources]


def passes_of(stages: tuple[Stage, ...], rows: int) -> tuple[Pass, ...] | None:
    """The rows that every stage makes in every pass; None where there are too many passes."""
    last = len(stages) - 1
    done = [0] * len(stages)
    passes = []
    while done[last] < stages[last].out_h:
        end = [*done[:last], min(done[last] + rows, stages[last].out_h)]
        for i in reversed(range(last)):
            for j in readers(stages, i):
                if end[j] > 0:
                    end[i] = max(end[i], needed(stages[j].window, 0, end[j], stages[j].in_h).end)
        passes.append(tuple(zip(done, end, strict=True)))
        done = end
    return tuple(passes) if len(passes) <= _MOST_PASSES else None


def row_bytes(g: Graph, name: str) -> int:
    """Bytes of a row of the tensor `name`."""
    tensor = g.tensor(name)
    return tensor.shape[2] * tensor.shape[3] * (2 if tensor.params.bits > 8 else 1)


def lowest(stages: tuple[Stage, ...], one: Pass, tensor: int) -> int:
    """The first row of `tensor` that this pass or a later one reads; padding counts in between.

    So the rows that a pass is done with are as many in the first pass as in the others.
    """
    lows = []
    for j in readers(stages, tensor):
        first = one[j][0]
        if first < stages[j].out_h:
            lows.append(first * stages[j].window.stride[0] - stages[j].window.pad[0][0])
    if lows:
        return min(lows) if tensor >= 0 else max(0, min(lows))
    return stages[0].in_h if tensor < 0 else one[tensor][0]
