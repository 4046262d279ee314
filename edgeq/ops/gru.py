"""GRU: three gates over an int16 state, of which the matrices see an int8 copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray, QuantParams
from edgeq.kernels import plain
from edgeq.ops.gates import ONE, Wide, halved, saturate, sigmoid, tanh
from edgeq.ops.lstm import logistic
from edgeq.ops.recurrent import Recurrent
from edgeq.plan import Call
from edgeq.requant import requantize


@dataclass(frozen=True, kw_only=True)
class Gru(Recurrent):
    """z, r = sigmoid of w x + b + u h + c; n = tanh(w x + b + r (u h + c)); h = (1 - z) n + z h.

    Where `reset_first`, n = tanh(w x + b + u (r h) + c). Gates lie in the constants in the order
    z, r, n; the last input is the bias c on the side of the state.
    """

    reset_first: bool = False

    gates: ClassVar[int] = 3
    state_bits: ClassVar[tuple[int, ...]] = (16,)
    own_consts: ClassVar[tuple[int, ...]] = (1, 2, 3, 4)

    def unroll(self, *xs: FloatArray) -> Mapping[str, FloatArray]:
        x, w, u, b, c = xs[:5]
        n, steps, units = x.shape[0], x.shape[1], u.shape[1]
        sums = x @ w.T + b  # (n, steps, 3 * units)
        states = np.empty((n, steps, units), np.float32)
        (h,) = self.given(xs) or (np.zeros((n, units), np.float32),)
        for t in range(steps):
            az, ar, an = np.split(sums[:, t], 3, axis=1)
            bz, br, bn = np.split(h @ u.T + c, 3, axis=1)
            z, r = logistic(az + bz), logistic(ar + br)
            bn = (r * h) @ u[2 * units:].T + c[2 * units:] if self.reset_first else r * bn
            h = (1 - z) * np.tanh(an + bn) + z * h
            states[:, t] = h
        return {self.outs[0]: states}

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        sides = [self.side(g, i) for i in range(2)]
        (n, steps, _), units = qs[0].shape, self.units(g)
        zero, factor = int(g.tensor(self.outs[0]).params.zero), self.hidden_factor(g)

        def to_int8(product: Wide) -> IntArray:
            """From Q0.30 to the output's parameters."""
            return np.clip(requantize(product, *factor) + zero, -128, 127).astype(np.int8)

        states = np.empty((n, steps, units), np.int8)
        h: Wide = np.zeros((n, units), np.int64)  # Q0.15
        if self.stateful:
            h = qs[-1].astype(np.int64)
        for t in range(steps):
            az, ar, an = sides[0].sums(qs[0][:, t])
            bz, br, bn = sides[1].sums(to_int8(h * ONE))
            z, r = sigmoid(saturate(az + bz)), sigmoid(saturate(ar + br))
            bn = sides[1].sums(to_int8(r * h))[2] if self.reset_first else halved(r * bn, 15)
            h = saturate(halved(z * h + (ONE - z) * tanh(saturate(an + bn), 3), 15))
            states[:, t] = to_int8(h * ONE)
        return self.results(states, h.astype(np.int16))

    def state_params(self, g: Graph) -> tuple[QuantParams, ...]:
        return (QuantParams(np.asarray(2.0**-15), np.asarray(0, np.int32), 16),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        kernels = plain.GRU_STEP if self.stateful else plain.GRU
        kernel, units = plain.pick(kernels, target), self.units(g)
        fields = (*self.common_fields(g), ("reset_first", int(self.reset_first)))
        return (Call(name=self.name, op="Gru", func=kernel.func, struct="eq_gru_s8_t",
                     fields=fields, ins=self.ins[:1], outs=self.outs, sources=kernel.sources,
                     overlap=(None,), scratch=(10 if self.stateful else 12) * units,
                     macs=self.macs(g)),)
