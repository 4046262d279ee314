"""DynamicGru: a GRU on 16-bit input and state, which its matrices see narrowed to 8 bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels import plain
from edgeq.ops.base import Fixed, Rule
from edgeq.ops.dynamic_gates import dynamic_fields, dynamic_side
from edgeq.ops.gates import ONE, halved, saturate, sigmoid, tanh
from edgeq.ops.gru import Gru
from edgeq.ops.narrow import narrowed
from edgeq.plan import Call


@dataclass(frozen=True, kw_only=True)
class DynamicGru(Gru):
    """z, r = sigmoid of w x + b + u h + c; n = tanh(w x + b + r (u h + c)); h = (1 - z) n + z h.

    Where `reset_first`, n = tanh(w x + b + u (r h) + c). x and h have 16 bits, h in Q0.15; at every
    step each (and r h) is narrowed to 8 bits by its own largest value before the matrices meet it.
    Quantization puts it where a recipe says `dynamic`.
    """

    wide: ClassVar[bool] = True
    state_bits: ClassVar[tuple[int, ...]] = ()  # it cannot go on from a state

    def rule(self) -> Rule:
        return Fixed(1 / 256, -128)  # with 16 bits: Q0.15

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return super().run(narrowed(xs[0]), *xs[1:])

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        sides = [dynamic_side(self, g, i) for i in range(2)]
        (n, steps, _), units = qs[0].shape, self.units(g)
        states = np.empty((n, steps, units), np.int16)
        h = np.zeros((n, units), np.int64)  # Q0.15
        for t in range(steps):
            az, ar, an = sides[0].sums(qs[0][:, t])
            bz, br, bn = sides[1].sums(h)
            z, r = sigmoid(saturate(az + bz)), sigmoid(saturate(ar + br))
            if self.reset_first:
                bn = sides[1].sums(saturate(halved(r * h, 15)))[2]
            else:
                bn = halved(r * bn, 15)
            h = saturate(halved(z * h + (ONE - z) * tanh(saturate(an + bn), 3), 15))
            states[:, t] = h
        return (states[:, -1] if self.last_only else states,)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        kernel, units = plain.pick(plain.DYNAMIC_GRU, target), self.units(g)
        fields = (*dynamic_fields(self, g), ("reset_first", int(self.reset_first)))
        scratch = 10 * units + max(units, g.tensor(self.ins[0]).shape[2])
        return (Call(name=self.name, op="DynamicGru", func=kernel.func, struct="eq_gru_s16_t",
                     fields=fields, ins=self.ins[:1], outs=self.outs, sources=kernel.sources,
                     overlap=(None,), scratch=scratch, macs=self.macs(g)),)
