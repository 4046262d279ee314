"""Recurrent layers written out as plain ones, step by step: where the state is no zero.

The integer layers of ops/lstm.py and its neighbours start from zero and keep their cell to
themselves. One that takes its first state from elsewhere, or gives its last cell away, becomes
dense layers, products and activations instead; its weights are stored once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgeq.ops.activations import Logistic, Tanh
from edgeq.ops.dense import Dense
from edgeq.ops.elementwise import Add, Mul, Sub
from edgeq.ops.gather import Cut, Slice
from edgeq.ops.gru import Gru
from edgeq.ops.lstm import Lstm
from edgeq.ops.recurrent import Recurrent
from edgeq.readers.onnx_node import OnnxNode

MOST_STEPS = 32  # that are written out


@dataclass(frozen=True, eq=False)
class Unrolled:
    """What one direction of a layer gives: tensors (1, units)."""

    states: tuple[str, ...]  # of every step, in the order they were computed
    cell: str  # the last one of an LSTM, else ""


def unrolled(node: OnnxNode, op: Recurrent, xs: Sequence[str], h: str, c: str) -> Unrolled:
    """`op` (its weights, biases and kind) over the inputs `xs` (1, in_c) from the state h, c."""
    w, r, b, *more = op.ins[1:]
    rows = node.tensors[r].shape[0]
    zeros = more[0] if more else node.floats("zero", np.zeros(rows, np.float32))
    step, states = _Step(node, (w, b), (r, zeros)), []
    for x in xs:
        if isinstance(op, Lstm):
            h, c = step.lstm(x, h, c)
        elif isinstance(op, Gru):
            h = step.gru(x, h, op.reset_first)
        else:
            h = step.tanh(step.add(step.from_input(x), step.from_state(h)))
        states.append(h)
    return Unrolled(tuple(states), c)


@dataclass(frozen=True, eq=False)
class _Step:
    """One step's layers; weights and bias on the side of the input and of the state."""

    node: OnnxNode
    of_input: tuple[str, str]
    of_state: tuple[str, str]

    @property
    def units(self) -> int:
        return self.node.tensors[self.of_state[0]].shape[1]

    def lstm(self, x: str, h: str, c: str) -> tuple[str, str]:
        i, f, g, o = self.split(self.add(self.from_input(x), self.from_state(h)), 4)
        c = self.add(self.mul(self.sigmoid(f), c), self.mul(self.sigmoid(i), self.tanh(g)))
        return self.mul(self.sigmoid(o), self.tanh(c)), c

    def gru(self, x: str, h: str, reset_first: bool) -> str:
        """h + (1 - z) (n - h), which is (1 - z) n + z h."""
        az, ar, an = self.split(self.from_input(x), 3)
        bz, br, bn = self.split(self.from_state(h), 3)
        z, r = self.sigmoid(self.add(az, bz)), self.sigmoid(self.add(ar, br))
        met = self.split(self.from_state(self.mul(r, h)), 3)[2] if reset_first else self.mul(r, bn)
        n = self.tanh(self.add(an, met))
        return self.add(n, self.mul(z, self.sub(h, n)))

    def from_input(self, x: str) -> str:
        return self.dense(x, *self.of_input)

    def from_state(self, h: str) -> str:
        return self.dense(h, *self.of_state)

    def dense(self, x: str, w: str, b: str) -> str:
        return self.node.emit(Dense(name=self.node.label(), ins=(x, w, b), outs=self.out("sums")))

    def split(self, x: str, parts: int) -> list[str]:
        cuts = [(Cut(0, 1, 1), Cut(i * self.units, self.units, 1)) for i in range(parts)]
        return [self.node.emit(Slice(name=self.node.label(), ins=(x,), outs=self.out("gate"),
                                     cuts=cut)) for cut in cuts]

    def add(self, a: str, b: str) -> str:
        return self.node.emit(Add(name=self.node.label(), ins=(a, b), outs=self.out("sum")))

    def sub(self, a: str, b: str) -> str:
        return self.node.emit(Sub(name=self.node.label(), ins=(a, b), outs=self.out("less")))

    def mul(self, a: str, b: str) -> str:
        return self.node.emit(Mul(name=self.node.label(), ins=(a, b), outs=self.out("product")))

    def sigmoid(self, x: str) -> str:
        return self.node.emit(Logistic(name=self.node.label(), ins=(x,), outs=self.out("sigmoid")))

    def tanh(self, x: str) -> str:
        return self.node.emit(Tanh(name=self.node.label(), ins=(x,), outs=self.out("tanh")))

    def out(self, tag: str) -> tuple[str]:
        return (self.node.temp(tag),)
