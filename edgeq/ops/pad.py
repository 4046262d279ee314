"""Pad: a constant around the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels import plain
from edgeq.ops.base import Limit, Op, Rule, SameAsInput, Shape, value_bytes
from edgeq.plan import Call
from edgeq.readers.node import TfliteNode


def _pads_batch(op: Op, g: Graph) -> str:
    assert isinstance(op, Pad)
    return "" if op.pads[0] == (0, 0) else f"batch padded by {op.pads[0]}"


def _crops(op: Op, g: Graph) -> str:
    assert isinstance(op, Pad)
    return f"padding {op.pads}" if min(min(p) for p in op.pads) < 0 else ""


def _scattered(op: Op, g: Graph) -> str:
    assert isinstance(op, Pad)
    return "" if op.runs(g.tensor(op.ins[0]).shape) else f"padding {op.pads}"


def _wide_value(op: Op, g: Graph) -> str:
    assert isinstance(op, Pad)
    return f"padding with {op.value}" if op.value and value_bytes(g, op.ins[0]) > 1 else ""


class Run(NamedTuple):
    """One or more axes as one of `size` values, with the padding around them."""

    size: int
    before: int
    after: int


@dataclass(frozen=True, kw_only=True)
class Pad(Op):
    """y = x with `value` around it; `pads` is (before, after) for each axis of x."""

    pads: tuple[tuple[int, int], ...]
    value: float = 0.0

    wide: ClassVar[bool] = True
    tflite_names: ClassVar[tuple[str, ...]] = ("PAD", "PADV2")
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("the batch axis is not padded", _pads_batch, "pad other axes"),
        Limit("no negative padding", _crops, "slice instead"),
        Limit("padded axes in at most three runs", _scattered, "pad in two steps"),
        Limit("padding with 0 where activations have 16 bits", _wide_value, "add it afterwards"),
    )

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        pairs = node.const(1).reshape(-1, 2).tolist()
        value = 0.0
        if len(node.ins) > 2 and node.ins[2]:
            raw, q = node.const(2).reshape(-1)[:1], node.tensors[node.ins[2]].q
            value = float(raw[0] if q is None else q.dequantize(raw.astype(np.int32))[0])
        return cls(name=node.name, ins=node.ins[:1], outs=node.outs, value=value,
                   pads=tuple((int(a), int(b)) for a, b in pairs))

    def runs(self, shape: Shape) -> tuple[Run, Run, Run] | None:
        """`shape` as three axes with their padding; None where it takes more.

        A batch of 1 does not count, and axes without padding join the one in front of them where
        there are too many.
        """
        axes = [Run(n, *pad) for n, pad in zip(shape, self.pads, strict=True)]
        if shape[:1] == (1,) and self.pads[0] == (0, 0):
            axes = axes[1:]
        joined = list[Run]()
        for axis in axes:
            if joined and axis.before == axis.after == 0 and len(axes) > 3:
                outer = joined.pop()
                axis = Run(outer.size * axis.size, outer.before * axis.size,
                           outer.after * axis.size)
            joined.append(axis)
        if len(joined) > 3:
            return None
        rows, cols, chans = [Run(1, 0, 0)] * (3 - len(joined)) + joined
        return rows, cols, chans

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        return (tuple(s + a + b for s, (a, b) in zip(ins[0], self.pads, strict=False)),)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return (np.pad(xs[0], self.pads, constant_values=np.float32(self.value)),)

    def rule(self) -> Rule:
        return SameAsInput()

    def _fill(self, g: Graph) -> int:
        return int(g.tensor(self.outs[0]).params.quantize(np.array(self.value)))

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        return (np.pad(qs[0], self.pads, constant_values=self._fill(g)),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        found = self.runs(g.tensor(self.ins[0]).shape)
        assert found is not None, "the limits see to it"
        rows, cols, chans = found
        kernel, each = plain.pick(plain.PAD, target), value_bytes(g, self.ins[0])
        fields = (("in_h", rows.size), ("in_w", cols.size), ("in_c", chans.size * each),
                  ("top", rows.before), ("bottom", rows.after),
                  ("left", cols.before), ("right", cols.after),
                  ("front", chans.before * each), ("back", chans.after * each),
                  ("value", self._fill(g)))
        return (Call(name=self.name, op="Pad", func=kernel.func, struct="eq_pad_s8_t",
                     fields=fields, ins=self.ins, outs=self.outs, sources=kernel.sources,
                     overlap=(None,), as_bytes=True),)
