"""Layers that compute in float32 between integer tensors, for boards with an FPU.

All sums are float32 in the order of the weights, the bias first, without fused multiply-add, so
that numpy and every C compiler give the same bits (IEEE 754, round to nearest). The scales of
input and output are folded into weights and bias: a sum counts steps of the output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Board, Target
from edgeq.errors import ModelError, UnsupportedError
from edgeq.ir import Graph, IntArray, dtype_of
from edgeq.ops.base import Act, Op, clamp_bounds
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.mac import batch_chunks
from edgeq.ops.windows import Window, slide_distance
from edgeq.plan import Blob, Call, Value

Floats = NDArray[np.float32]


def need_fpu(where: str, board: Board) -> None:
    """Raise UnsupportedError where `board` computes floats in software."""
    if not board.fpu:
        raise UnsupportedError(where, f"float32 on {board.name}, which has no FPU",
                               "boards with `fpu = true`",
                               'leave out precision = "float32", or take act_bits = 16')


@dataclass(frozen=True, kw_only=True)
class FloatLayer(Op):
    """A layer (x, weights, bias) whose weights and bias stay float32 in the integer graph."""

    act: Act = Act.NONE

    tflite_names: ClassVar[tuple[str, ...]] = ()
    wide: ClassVar[bool] = True
    own_consts: ClassVar[tuple[int, ...]] = (1, 2)

    def tables(self, g: Graph) -> tuple[Floats, Floats]:
        """Weights and bias in output steps; raises ModelError where a sum could overflow."""
        x, y = g.tensor(self.ins[0]).params, g.tensor(self.outs[0]).params
        w = np.asarray(g.const(self.ins[1]), np.float64) * (float(x.scale) / float(y.scale))
        b = np.asarray(g.const(self.ins[2]), np.float64) / float(y.scale)
        worst = float(np.abs(w).sum()) * 2.0**x.bits + float(np.abs(b).max())
        if not worst < 2.0**126:
            raise ModelError(self.name, f"sums of up to {worst:.3g} output steps",
                             "what float32 holds", "check the weights and bias of this layer")
        return w.astype(np.float32), b.astype(np.float32)

    def finish(self, g: Graph, acc: Floats) -> IntArray:
        """Output integers of sums: clamped, rounded half away from zero."""
        low, high = self.limits_of_sums(g)
        y = np.clip(acc, np.float32(low), np.float32(high))
        rounded = np.trunc(y + np.copysign(np.float32(0.5), y)).astype(np.int32)
        q = g.tensor(self.outs[0]).params
        return (rounded + int(q.zero)).astype(dtype_of(q.bits))

    def limits_of_sums(self, g: Graph) -> tuple[int, int]:
        """The activation's bounds in output steps from the zero point."""
        q = g.tensor(self.outs[0]).params
        low, high = clamp_bounds(self.act, q)
        return low - int(q.zero), high - int(q.zero)

    def call(self, g: Graph, target: Target, kind: str, sizes: tuple[tuple[str, Value], ...],
             distance: int) -> tuple[Call, ...]:
        """The call of eq_<kind>_s8_f32 or _s16_f32 for the geometry `sizes`.

        `distance`: of output and dying input, in values.
        """
        need_fpu(f"{type(self).__name__} {self.name!r}", target.board)
        x, y = g.tensor(self.ins[0]).params, g.tensor(self.outs[0]).params
        assert x.bits == y.bits
        w, b = self.tables(g)
        low, high = self.limits_of_sums(g)
        func = f"eq_{kind}_s{x.bits}_f32"
        fields = (*sizes, ("in_zero", int(x.zero)), ("out_zero", int(y.zero)),
                  ("low", low), ("high", high),
                  ("weights", Blob("weights", "float", w.reshape(-1), "in output steps")),
                  ("bias", Blob("bias", "float", b, "in output steps")))
        return (Call(name=self.name, op=type(self).__name__, func=func, struct="eq_window_f32_t",
                     fields=fields, ins=self.ins[:1], outs=self.outs,
                     sources=(f"ops/{func}.c", "ops/eq_f32.h", "ops/eq_taps_s16.h",
                              f"ops/eq_{kind}_f32.h"),
                     overlap=(distance * x.bits // 8,), macs=self.macs(g), weight_bits=32),)


def window_sizes(g: Graph, op: Op, window: Window) -> tuple[tuple[str, Value], ...]:
    """The geometry with which eq_window_f32_t begins."""
    _, in_h, in_w, in_c = g.tensor(op.ins[0]).shape
    _, out_h, out_w, out_c = g.tensor(op.outs[0]).shape
    (top, _), (left, _) = window.pad
    return (("in_h", in_h), ("in_w", in_w), ("in_c", in_c), ("out_h", out_h), ("out_w", out_w),
            ("out_c", out_c), ("kh", window.kh), ("kw", window.kw),
            ("stride_h", window.stride[0]), ("stride_w", window.stride[1]),
            ("dil_h", window.dilation[0]), ("dil_w", window.dilation[1]),
            ("pad_top", top), ("pad_left", left))


def _distance(g: Graph, op: Op, window: Window) -> int:
    """slide_distance of `op`, which reads the window of a pixel while it writes it."""
    _, in_h, in_w, in_c = g.tensor(op.ins[0]).shape
    return slide_distance(window, in_h, in_w, in_c, g.tensor(op.outs[0]).shape[3])


def summed(rows: IntArray, zero: int, w: Floats, b: Floats) -> Floats:
    """b[oc] + sum((rows[r, i] - zero) * w[oc, i]), one i after the other: (rows, out_c)."""
    x = (rows.astype(np.int32) - zero).astype(np.float32)
    acc = np.tile(b, (len(x), 1))
    for i in range(w.shape[1]):
        acc += x[:, i, None] * w[:, i]
    return acc


@dataclass(frozen=True, kw_only=True)
class FloatConv2D(FloatLayer, Conv2D):
    """Conv2D in float32."""

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        x, (w, b) = qs[0], self.tables(g)
        zero, window = int(g.tensor(self.ins[0]).params.zero), self.window(w.shape)
        rows = w.reshape(w.shape[0], -1)  # (out_c, k)
        (shape,) = self.shape(x.shape, w.shape, b.shape)
        out = np.empty(shape, x.dtype)
        for part in batch_chunks(len(x), 5 * shape[1] * shape[2] * sum(rows.shape)):
            flat = window.patches(x[part], zero).reshape(-1, rows.shape[1])
            out[part] = self.finish(g, summed(flat, zero, rows, b)).reshape(out[part].shape)
        return (out,)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        window = self.window(g.tensor(self.ins[1]).shape)
        return self.call(g, target, "conv2d", window_sizes(g, self, window),
                         _distance(g, self, window))


@dataclass(frozen=True, kw_only=True)
class FloatDense(FloatLayer, Dense):
    """Dense in float32: a 1x1 convolution over its rows."""

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        x, (w, b) = qs[0], self.tables(g)
        acc = summed(x.reshape(-1, w.shape[1]), int(g.tensor(self.ins[0]).params.zero), w, b)
        return (self.finish(g, acc).reshape(self._out(x.shape, w.shape)),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        out_c, in_c = g.tensor(self.ins[1]).shape
        rows = g.tensor(self.ins[0]).size // in_c
        ones = dict.fromkeys(("kh", "kw", "stride_h", "stride_w", "dil_h", "dil_w"), 1)
        sizes: dict[str, Value] = {"in_h": 1, "in_w": rows, "in_c": in_c, "out_h": 1,
                                   "out_w": rows, "out_c": out_c, **ones, "pad_top": 0,
                                   "pad_left": 0}
        return self.call(g, target, "conv2d", tuple(sizes.items()),
                         slide_distance(Window(1, 1), 1, rows, in_c, out_c))


@dataclass(frozen=True, kw_only=True)
class FloatDepthwiseConv2D(FloatLayer, DepthwiseConv2D):
    """DepthwiseConv2D in float32."""

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        x, (w, b) = qs[0], self.tables(g)
        zero, window = int(g.tensor(self.ins[0]).params.zero), self.window(w.shape)
        (shape,) = self.shape(x.shape, w.shape, b.shape)
        out = np.empty(shape, x.dtype)
        for part in batch_chunks(len(x), 16 * max(x[:1].size, out[:1].size)):
            acc: Floats = np.empty(out[part].shape, np.float32)
            acc[...] = b
            for tap, w_tap in zip(window.taps(x[part], zero), w.reshape(-1, w.shape[3]),
                                  strict=True):
                real = (tap.astype(np.int32) - zero).astype(np.float32)
                acc += np.repeat(real, w.shape[3] // tap.shape[3], axis=3) * w_tap
            out[part] = self.finish(g, acc)
        return (out,)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        window = self.window(g.tensor(self.ins[1]).shape)
        return self.call(g, target, "dwconv2d", window_sizes(g, self, window),
                         _distance(g, self, window))
