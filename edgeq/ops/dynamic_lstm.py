"""DynamicLstm: an LSTM on 16-bit input and state, which its matrices see narrowed to 8 bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels import plain
from edgeq.ops.base import Fixed, Rule
from edgeq.ops.dynamic_gates import dynamic_fields, dynamic_side
from edgeq.ops.gates import halved, saturate, sigmoid, tanh
from edgeq.ops.lstm import Lstm
from edgeq.ops.narrow import narrowed
from edgeq.plan import Call


@dataclass(frozen=True, kw_only=True)
class DynamicLstm(Lstm):
    """i, f, o = sigmoid, g = tanh of w x + r h + b; c = clip(f c + i g); h = o tanh(c).

    x and h have 16 bits, h in Q0.15; at every step each is narrowed to 8 bits by its own largest
    value before the matrices meet it. Quantization puts it where a recipe says `dynamic`.
    """

    tflite_names: ClassVar[tuple[str, ...]] = ()
    wide: ClassVar[bool] = True
    state_bits: ClassVar[tuple[int, ...]] = ()  # it cannot go on from a state

    def rule(self) -> Rule:
        return Fixed(1 / 256, -128)  # with 16 bits: Q0.15

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return super().run(narrowed(xs[0]), *xs[1:])

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        sides, (low, high) = [dynamic_side(self, g, i) for i in range(2)], self.bounds()
        (n, steps, _), units = qs[0].shape, self.units(g)
        states = np.empty((n, steps, units), np.int16)
        h = np.zeros((n, units), np.int16)
        c = np.zeros((n, units), np.int64)
        for t in range(steps):
            i, f, u, o = (saturate(a + b) for a, b in zip(
                sides[0].sums(qs[0][:, t]), sides[1].sums(h), strict=True))
            kept = saturate(halved(sigmoid(f) * c, 15))
            added = saturate(halved(sigmoid(i) * tanh(u, 3), 15 + self.cell_bits))
            c = np.clip(saturate(kept + added), low, high)
            h = saturate(halved(sigmoid(o) * tanh(c, self.cell_bits), 15)).astype(np.int16)
            states[:, t] = h
        return (states[:, -1] if self.last_only else states,)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        kernel, units = plain.pick(plain.DYNAMIC_LSTM, target), self.units(g)
        low, high = self.bounds()
        fields = (*dynamic_fields(self, g), ("cell_bits", self.cell_bits),
                  ("cell_min", low), ("cell_max", high))
        scratch = 12 * units + max(units, g.tensor(self.ins[0]).shape[2])
        return (Call(name=self.name, op="DynamicLstm", func=kernel.func, struct="eq_lstm_s16_t",
                     fields=fields, ins=self.ins[:1], outs=self.outs, sources=kernel.sources,
                     overlap=(None,), scratch=scratch, macs=self.macs(g)),)
