"""What recurrent layers share: weights of several gates, steps over time, ranges inside."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import ModelError
from edgeq.ir import FloatArray, Graph, IntArray, QuantParams
from edgeq.ops.base import Limit, Op, Shape
from edgeq.ops.gates import GATE_SCALE, Wide, check_sums, gate_sums, sigmoid_blob
from edgeq.ops.mac import folded_bias, int32_bias
from edgeq.plan import Blob, Value
from edgeq.requant import quantize_multiplier, quantize_multipliers

A = TypeVar("A", FloatArray, IntArray)

_BIAS_BITS = 28  # |bias| stays below 2**28
_FINE_BITS = 24  # products finer than the gates' step / 2**24 do not help


def _not_const(op: Op, g: Graph) -> str:
    consts = (op.ins[i] for i in op.own_consts if i < len(op.ins))
    return "" if all(g.tensor(n).is_const for n in consts) else "computed at run time"


def _rank(op: Op, g: Graph) -> str:
    shape = g.tensor(op.ins[0]).shape
    return "" if len(shape) == 3 and shape[0] == 1 else f"an input of shape {shape}"


def _scales_differ(op: Op, g: Graph) -> str:
    assert isinstance(op, Recurrent)
    for name in op.ins[1:3]:
        q = g.tensor(name).q
        if q is not None:
            scales = np.broadcast_to(q.scale, g.tensor(name).shape[:1]).reshape(op.gates, -1)
            if q.zero.any() or np.any(scales != scales[:, :1]):
                return f"{name!r} has other parameters"
    return ""


@dataclass(frozen=True, eq=False)
class Side:
    """The integer constants of all gates that act on one vector: the input or the state."""

    weights: IntArray  # (gates * units, k)
    bias: NDArray[np.int32]  # (gates * units,) zero point folded in
    mult: NDArray[np.int32]  # (gates,)
    shift: NDArray[np.int8]  # (gates,)

    def sums(self, x: IntArray) -> tuple[Wide, ...]:
        """Each gate's sums in Q3.12 for x (n, k): (n, units) each."""
        gates = len(self.mult)
        each = len(self.bias) // gates
        mult, shift = np.repeat(self.mult, each), np.repeat(self.shift, each)
        return tuple(np.split(gate_sums(x, self.weights, self.bias, mult, shift), gates, axis=1))


@dataclass(frozen=True, kw_only=True)
class Recurrent(Op):
    """A layer that reads x (n, steps, in_c) step by step; its state starts at zero.

    Inputs: x, w (gates * units, in_c), r (gates * units, units), b (gates * units,), and what
    the class adds. The output has every step's state (n, steps, units), or the last one
    (n, units) where `last_only`. A `stateful` layer goes on from the state of the run before:
    its last inputs are the state, its further outputs the next one, each (n, units).
    """

    last_only: bool = False
    stateful: bool = False

    gates: ClassVar[int]
    state_bits: ClassVar[tuple[int, ...]]  # of the values of its state
    own_consts: ClassVar[tuple[int, ...]] = (1, 2, 3)
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("constant weights", _not_const, "freeze the model before export"),
        Limit("one sequence (1, steps, channels)", _rank, "export with batch 1"),
        Limit("integer weights with one scale a gate and zero point 0", _scales_differ,
              "start from the float model"),
    )

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        x, w, r = ins[:3]
        if len(x) != 3 or w != (r[0], x[2]) or r[0] != self.gates * r[1]:
            raise ModelError(self.name, f"an input of {x} for weights {w} and {r}",
                             "(n, steps, channels)", "export the model again")
        kept = ((x[0], r[1]),) * len(self.state_bits) if self.stateful else ()
        return ((x[0], r[1]) if self.last_only else (x[0], x[1], r[1]), *kept)

    def carried(self) -> tuple[tuple[int, int], ...]:
        count = len(self.state_bits) if self.stateful else 0
        return tuple((len(self.ins) - count + i, 1 + i) for i in range(count))

    def given(self, xs: Sequence[A]) -> Sequence[A]:
        """The state's values among the inputs `xs`; none where every run starts anew."""
        return xs[-len(self.state_bits):] if self.stateful else ()

    @abstractmethod
    def state_params(self, g: Graph) -> tuple[QuantParams, ...]:
        """The parameters of the state's values in an integer graph."""

    def macs(self, g: Graph) -> int:
        steps = g.tensor(self.ins[0]).shape[1]
        return steps * (g.tensor(self.ins[1]).size + g.tensor(self.ins[2]).size)

    @abstractmethod
    def unroll(self, *xs: FloatArray) -> Mapping[str, FloatArray]:
        """Values of every step (n, steps, units): under the output's name, and inner ones; they
        are the values of the state in their order.
        """

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        found = self.unroll(*xs)
        states = found[self.outs[0]]
        kept = [v[:, -1] for v in found.values()] if self.stateful else []
        return (states[:, -1] if self.last_only else states, *kept)

    def observed(self, *xs: FloatArray) -> Mapping[str, FloatArray]:
        return self.unroll(*xs)

    def results(self, states: IntArray, *kept: IntArray) -> tuple[IntArray, ...]:
        """What run_int gives for every step's `states` and the values of the state behind them."""
        return (states[:, -1] if self.last_only else states, *(kept if self.stateful else ()))

    def const_params(self, g: Graph, params: Mapping[str, QuantParams]) -> dict[str, QuantParams]:
        """Weights symmetric with one scale a gate, each bias in steps of input times weight."""
        made: dict[str, QuantParams] = {}
        sides = ((1, 3, self.ins[0]), (2, 4, self.outs[0]))
        for w, b, source in sides:
            scale = float(params[source].scale)
            top = self._largest(g, w) / 127.0
            s = np.maximum(top, GATE_SCALE / (scale * 2.0**_FINE_BITS))
            if b in self.own_consts:
                s = np.maximum(s, self._largest(g, b) / (scale * 2.0**_BIAS_BITS))
            rows = np.repeat(s.astype(np.float32).astype(np.float64), self.units(g))
            zeros = np.zeros(rows.shape, np.int32)
            made[self.ins[w]] = QuantParams(rows, zeros, 8, 0)
            if b in self.own_consts:
                made[self.ins[b]] = QuantParams(rows * scale, zeros, 32, 0)
        return made

    def _largest(self, g: Graph, i: int) -> NDArray[np.float64]:
        """Largest |value| of input `i` in each gate: (gates,)."""
        values = np.abs(np.asarray(g.const(self.ins[i]), np.float64))
        return np.asarray(values.reshape(self.gates, -1).max(1))

    def units(self, g: Graph) -> int:
        """Length of the state."""
        return g.tensor(self.ins[2]).shape[1]

    def side(self, g: Graph, i: int) -> Side:
        """The constants that act on the input (0) or the state (1); raises ModelError where a sum
        could leave int32.
        """
        w, b, source = ((1, 3, self.ins[0]), (2, 4, self.outs[0]))[i]
        units, q, x = self.units(g), g.tensor(self.ins[w]).params, g.tensor(source).params
        weights = g.integers(self.ins[w])
        bias = g.integers(self.ins[b]) if b in self.own_consts else np.zeros(1, np.int32)
        folded = int32_bias(self.name, folded_bias(
            bias, weights.sum(1, dtype=np.int64), int(x.zero)))
        scale = np.broadcast_to(q.scale, (self.gates * units,))[::units]
        mult, shift = quantize_multipliers(scale * float(x.scale) / GATE_SCALE)
        check_sums(self.name, weights, folded, np.repeat(shift, units))
        return Side(weights, folded, mult, shift)

    def hidden_factor(self, g: Graph) -> tuple[int, int]:
        """Multiplier and shift from a product of two Q0.15 to the output's scale."""
        real = 2.0**-30 / float(g.tensor(self.outs[0]).params.scale)
        return quantize_multiplier(min(real, 0.5))  # a larger one is only met where all is zero

    def common_fields(self, g: Graph) -> tuple[tuple[str, Value], ...]:
        """What the structs of all recurrent layers begin with."""
        _, steps, in_c = g.tensor(self.ins[0]).shape
        mult, shift = self.hidden_factor(g)
        sides = [self.side(g, i) for i in range(2)]
        weights = np.concatenate([side.weights.reshape(-1) for side in sides]).astype(np.int8)
        return (
            ("steps", steps), ("in_c", in_c), ("units", self.units(g)),
            ("last_only", int(self.last_only)),
            ("out_zero", int(g.tensor(self.outs[0]).params.zero)),
            ("out_shift", shift), ("out_mult", mult),
            ("weights", Blob("weights", "int8_t", weights,
                             "rows of every gate for the input, then for the state", align=16)),
            ("bias", Blob("bias", "int32_t", np.concatenate([side.bias for side in sides]),
                          "in the order of the weights, zero points folded in")),
            ("mult", Blob("mult", "int32_t", np.concatenate([side.mult for side in sides]),
                          "a gate, Q31")),
            ("shift", Blob("shift", "int8_t", np.concatenate([side.shift for side in sides]),
                           "positive is left")),
            ("sigmoid", sigmoid_blob()),
        )
