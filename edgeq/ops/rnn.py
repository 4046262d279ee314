"""Plain recurrent layer: one tanh of input and state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray, QuantParams
from edgeq.kernels import plain
from edgeq.ops.gates import ONE, saturate, tanh
from edgeq.ops.recurrent import Recurrent
from edgeq.plan import Call
from edgeq.requant import requantize


@dataclass(frozen=True, kw_only=True)
class Rnn(Recurrent):
    """h = tanh(w x + b + r h)."""

    gates: ClassVar[int] = 1
    state_bits: ClassVar[tuple[int, ...]] = (8,)

    def unroll(self, *xs: FloatArray) -> Mapping[str, FloatArray]:
        x, w, r, b = xs[:4]
        sums = x @ w.T + b  # (n, steps, units)
        states = np.empty_like(sums)
        (h,) = self.given(xs) or (np.zeros((x.shape[0], r.shape[1]), np.float32),)
        for t in range(x.shape[1]):
            h = np.tanh(sums[:, t] + h @ r.T)
            states[:, t] = h
        return {self.outs[0]: states}

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        sides = [self.side(g, i) for i in range(2)]
        (n, steps, _), units = qs[0].shape, self.units(g)
        zero, factor = int(g.tensor(self.outs[0]).params.zero), self.hidden_factor(g)
        states = np.empty((n, steps, units), np.int8)
        h: IntArray = qs[-1] if self.stateful else np.full((n, units), zero, np.int8)
        for t in range(steps):
            (a,), (b,) = sides[0].sums(qs[0][:, t]), sides[1].sums(h)
            y = requantize(tanh(saturate(a + b), 3) * ONE, *factor)
            h = np.clip(y + zero, -128, 127).astype(np.int8)
            states[:, t] = h
        return self.results(states, h)

    def state_params(self, g: Graph) -> tuple[QuantParams, ...]:
        return (g.tensor(self.outs[0]).params,)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        kernels = plain.RNN_STEP if self.stateful else plain.RNN
        kernel, units = plain.pick(kernels, target), self.units(g)
        return (Call(name=self.name, op="Rnn", func=kernel.func, struct="eq_rnn_s8_t",
                     fields=self.common_fields(g), ins=self.ins[:1], outs=self.outs,
                     sources=kernel.sources, overlap=(None,),
                     scratch=(2 if self.stateful else 3) * units,
                     macs=self.macs(g)),)
