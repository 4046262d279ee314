"""LSTM: four gates, an int16 cell and an int8 state (TensorFlow Lite Micro's 8x8_16 arithmetic)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import tflite

from edgeq.board import Target
from edgeq.errors import UnsupportedError
from edgeq.ir import FloatArray, Graph, IntArray, QuantParams
from edgeq.kernels import plain
from edgeq.ops.base import Op
from edgeq.ops.gates import HIGH, LOW, Wide, halved, saturate, sigmoid, tanh
from edgeq.ops.recurrent import Recurrent
from edgeq.plan import Call
from edgeq.readers.node import TfliteNode
from edgeq.requant import requantize

_MOST_BITS = 12  # integer bits of the cell: +-4096


def logistic(x: FloatArray) -> FloatArray:
    """1 / (1 + e^-x) without overflow."""
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * x), np.float32)


@dataclass(frozen=True, kw_only=True)
class Lstm(Recurrent):
    """i, f, o = sigmoid, g = tanh of w x + r h + b; c = clip(f c + i g); h = o tanh(c).

    Gates lie in the constants in the order i, f, g, o. `cell_clip` of 0 does not clip;
    `cell_bits` are the integer bits of the int16 cell.
    """

    cell_clip: float = 0.0
    cell_bits: int = 4

    tflite_names: ClassVar[tuple[str, ...]] = ("UNIDIRECTIONAL_SEQUENCE_LSTM",)
    gates: ClassVar[int] = 4
    state_bits: ClassVar[tuple[int, ...]] = (8, 16)

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        return _read_tflite(node)

    def unroll(self, *xs: FloatArray) -> Mapping[str, FloatArray]:
        x, w, r, b = xs[:4]
        n, steps, units = x.shape[0], x.shape[1], r.shape[1]
        clip = self.cell_clip or math.inf
        sums = x @ w.T + b  # (n, steps, 4 * units)
        cells = np.empty((n, steps, units), np.float32)
        states = np.empty_like(cells)
        h, c = self.given(xs) or (np.zeros((n, units), np.float32),) * 2
        for t in range(steps):
            i, f, g, o = np.split(sums[:, t] + h @ r.T, 4, axis=1)
            c = np.clip(logistic(f) * c + logistic(i) * np.tanh(g), -clip, clip)
            h = logistic(o) * np.tanh(c)
            cells[:, t], states[:, t] = c, h
        return {self.outs[0]: states, self._cell: cells}

    @property
    def _cell(self) -> str:
        return f"{self.outs[0]}/cell"

    def settled(self, ranges: Mapping[str, tuple[float, float]]) -> Op:
        top = max(abs(v) for v in ranges[self._cell])
        bits = math.ceil(math.log2(max(top, 2.0**-14) * (1 + 2.0**-15)))
        return replace(self, cell_bits=min(max(bits, 0), _MOST_BITS))

    def bounds(self) -> tuple[int, int]:
        """The cell's least and greatest integer."""
        clip = int(min(self.cell_clip * 2.0 ** (15 - self.cell_bits), HIGH))
        return (-clip, clip) if clip > 0 else (LOW, HIGH)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        sides, (low, high) = [self.side(g, i) for i in range(2)], self.bounds()
        (n, steps, _), units = qs[0].shape, self.units(g)
        zero, factor = int(g.tensor(self.outs[0]).params.zero), self.hidden_factor(g)
        states = np.empty((n, steps, units), np.int8)
        h: IntArray = np.full((n, units), zero, np.int8)
        c: Wide = np.zeros((n, units), np.int64)
        if self.stateful:
            h, c = qs[-2], qs[-1].astype(np.int64)
        for t in range(steps):
            i, f, u, o = (saturate(a + b) for a, b in zip(
                sides[0].sums(qs[0][:, t]), sides[1].sums(h), strict=True))
            kept = saturate(halved(sigmoid(f) * c, 15))
            added = saturate(halved(sigmoid(i) * tanh(u, 3), 15 + self.cell_bits))
            c = np.asarray(np.clip(saturate(kept + added), low, high), np.int64)
            product = sigmoid(o) * tanh(c, self.cell_bits)
            h = np.clip(requantize(product, *factor) + zero, -128, 127).astype(np.int8)
            states[:, t] = h
        return self.results(states, h, c.astype(np.int16))

    def state_params(self, g: Graph) -> tuple[QuantParams, ...]:
        scale = np.asarray(2.0 ** (self.cell_bits - 15))
        return g.tensor(self.outs[0]).params, QuantParams(scale, np.asarray(0, np.int32), 16)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        kernels = plain.LSTM_STEP if self.stateful else plain.LSTM
        kernel, units, (low, high) = plain.pick(kernels, target), self.units(g), self.bounds()
        fields = (*self.common_fields(g), ("cell_bits", self.cell_bits),
                  ("cell_min", low), ("cell_max", high))
        return (Call(name=self.name, op="Lstm", func=kernel.func, struct="eq_lstm_s8_t",
                     fields=fields, ins=self.ins[:1], outs=self.outs, sources=kernel.sources,
                     overlap=(None,), scratch=(8 if self.stateful else 11) * units,
                     macs=self.macs(g)),)


_INPUTS, _STATES, _BIASES = (1, 2, 3, 4), (5, 6, 7, 8), (12, 13, 14, 15)  # in the order i, f, g, o
_CELL_STATE = 19
_OPTIONAL = {9: "peephole weights", 10: "peephole weights", 11: "peephole weights",
             16: "a projection", 17: "a projection", 20: "layer normalization",
             21: "layer normalization", 22: "layer normalization", 23: "layer normalization"}


def _read_tflite(node: TfliteNode) -> Op:
    opts = node.options(tflite.UnidirectionalSequenceLSTMOptions)
    for i, what in _OPTIONAL.items():
        node.require(len(node.ins) <= i or not node.ins[i], f"has {what}", "a plain LSTM",
                     "export the layer without it")
    node.require(len(node.ins) > _CELL_STATE and all(node.ins[i] for i in _INPUTS + _STATES),
                 "has coupled input and forget gates", "four gates", "export a standard LSTM")
    node.require(opts.FusedActivationFunction() == tflite.ActivationFunctionType.TANH,
                 "has another activation than tanh", "tanh", "train with tanh")
    node.require(not opts.TimeMajor(), "puts time in front of the batch", "batch first",
                 "export with time_major=False")
    w, r = (node.stacked(part, what) for part, what in ((_INPUTS, "input"), (_STATES, "state")))
    clip = float(opts.CellClip())
    bits, q = 4, node.tensors[node.ins[_CELL_STATE]].q
    if q is not None:
        exact = 15 + math.log2(float(q.scale))
        bits = round(exact)
        if abs(exact - bits) > 1e-6 or not 0 <= bits <= _MOST_BITS or q.zero.any():
            raise UnsupportedError(node.name, f"a cell with scale {float(q.scale)}",
                                   "a power of two from 2**-15 to 2**-3, zero point 0",
                                   "quantize with the TensorFlow Lite converter")
    return Lstm(name=node.name, ins=(node.ins[0], w, r, node.stacked(_BIASES, "bias")),
                outs=node.outs, cell_clip=clip, cell_bits=bits)
