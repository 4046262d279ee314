"""Shift: a window that moves over a stream, the oldest values out, the newest in."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from edgeq.board import Target
from edgeq.errors import ModelError
from edgeq.ir import FloatArray, Graph, IntArray, dtype_of
from edgeq.kernels import plain
from edgeq.ops.base import Limit, Op, Rule, SameAsInput, Shape
from edgeq.plan import Call


def _no_state(op: Op, g: Graph) -> str:
    kept = any((s.source, s.result) == (op.ins[0], op.outs[0]) for s in g.states)
    return "" if kept else "a window that is not kept"


@dataclass(frozen=True, kw_only=True)
class Shift(Op):
    """y = the window x without its oldest values along `axis`, and behind them the newest.

    Inputs: the window (a state whose next value is y) and the newest values, no more than it
    holds. Made by streaming (docs/streaming.md), read from no file.
    """

    axis: int

    wide: ClassVar[bool] = True
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("a window that is a state", _no_state, "build with --stream"),)

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        window, new = ins
        rest = (window[:self.axis] + window[self.axis + 1:], new[:self.axis] + new[self.axis + 1:])
        if rest[0] != rest[1] or new[self.axis] > window[self.axis]:
            raise ModelError(self.name, f"a window of {window} and new values of {new}",
                             "equal but for a shorter time axis", "export the model again")
        return (window,)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        window, new = xs
        kept = np.moveaxis(window, self.axis, 0)[new.shape[self.axis]:]
        return (np.concatenate([np.moveaxis(kept, 0, self.axis), new], self.axis),)

    def carried(self) -> tuple[tuple[int, int], ...]:
        return ((0, 0),)

    def rule(self) -> Rule:
        return SameAsInput(1)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        return self.run(*qs)  # type: ignore[arg-type, return-value]

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        window, new = (g.tensor(n) for n in self.ins)
        bits = window.params.bits
        inner = prod(window.shape[self.axis + 1:]) * dtype_of(bits)().itemsize
        kernel = plain.pick(plain.SHIFT, target)
        fields = (("outer", prod(window.shape[:self.axis])),
                  ("size", window.shape[self.axis] * inner),
                  ("fresh", new.shape[self.axis] * inner))
        return (Call(name=self.name, op="Shift", func=kernel.func, struct="eq_shift_t",
                     fields=fields, ins=self.ins[1:], outs=self.outs, sources=kernel.sources,
                     overlap=(None,)),)
