"""AveragePool and MaxPool: 2-D windows over NHWC, clipped at the border."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import tflite
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray, dtype_of
from edgeq.kernels import plain
from edgeq.ops.base import Act, Limit, Op, Rule, SameAsInput, Shape, clamp_bounds
from edgeq.ops.mac import apply_act
from edgeq.ops.windows import Window, slide_distance
from edgeq.plan import Call
from edgeq.readers.node import TfliteNode


def _empty_window(op: Op, g: Graph) -> str:
    assert isinstance(op, Pool)
    (top, bottom), (left, right) = op.pad
    kh, kw = op.kernel
    return "" if max(top, bottom) < kh and max(left, right) < kw else f"padding {op.pad}"


def _params_differ(op: Op, g: Graph) -> str:
    x, y = (g.tensor(n).q for n in (op.ins[0], op.outs[0]))
    if x is None or y is None:
        return ""
    same = abs(float(x.scale) - float(y.scale)) <= 1e-6 and int(x.zero) == int(y.zero)
    return "" if same else "input and output have different quantization parameters"


@dataclass(frozen=True, kw_only=True)
class Windowed(Op):
    """What slides a window of `kernel` (h, w) over each channel; its padding never counts."""

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    pad: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))

    @property
    def window(self) -> Window:
        return Window(*self.kernel, stride=self.stride, pad=self.pad)

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        n, h, w, c = ins[0]
        return ((n, *self.window.out_size(h, w), c),)

    def window_fields(self, g: Graph) -> tuple[tuple[str, int], ...]:
        """Those of eq_pool_s8_t that say where the window goes."""
        _, in_h, in_w, c = g.tensor(self.ins[0]).shape
        _, out_h, out_w, _ = g.tensor(self.outs[0]).shape
        return (("in_h", in_h), ("in_w", in_w), ("c", c), ("out_h", out_h), ("out_w", out_w),
                ("kh", self.kernel[0]), ("kw", self.kernel[1]),
                ("stride_h", self.stride[0]), ("stride_w", self.stride[1]),
                ("pad_top", self.pad[0][0]), ("pad_left", self.pad[1][0]))


@dataclass(frozen=True, kw_only=True)
class Pool(Windowed):
    """What both pools share."""

    act: Act = Act.NONE

    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("padding smaller than the window", _empty_window, "pad before pooling"),
        Limit("the same quantization parameters at input and output", _params_differ,
              "quantize the float model instead"),
    )

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        raw, opts = node.options(tflite.Pool2DOptions), node.conv_options()
        kernel = (raw.FilterHeight(), raw.FilterWidth())
        return cls(name=node.name, ins=node.ins, outs=node.outs, kernel=kernel,
                   stride=opts.stride, pad=node.padding(*kernel, opts), act=opts.act)

    def rule(self) -> Rule:
        return SameAsInput()

    def clamp(self, g: Graph, y: IntArray) -> IntArray:
        """The activation on integers."""
        q = g.tensor(self.outs[0]).params
        return np.clip(y, *clamp_bounds(self.act, q)).astype(dtype_of(q.bits))

    def rows(self, g: Graph) -> Window | None:
        return self.window

    def with_border(self, top: int, bottom: int) -> Op:
        return replace(self, pad=((top, bottom), self.pad[1]))

    def pool_call(self, g: Graph, kernel: plain.Kernel) -> tuple[Call, ...]:
        """The call of an eq_pool_s8_t kernel."""
        _, in_h, in_w, c = g.tensor(self.ins[0]).shape
        low, high = clamp_bounds(self.act, g.tensor(self.outs[0]).params)
        fields = (*self.window_fields(g), ("act_min", low), ("act_max", high))
        distance = slide_distance(self.window, in_h, in_w, c, c)
        return (Call(name=self.name, op=type(self).__name__, func=kernel.func,
                     struct="eq_pool_s8_t", fields=fields, ins=self.ins, outs=self.outs,
                     sources=kernel.sources, overlap=(distance if kernel.slides else None,),
                     scratch=None if kernel.scratch is None else kernel.scratch * c),)


def _wide_or(op: Pool, g: Graph, calls: tuple[Call, ...], func: str) -> Call:
    """The call of 8-bit activations, or that of `func` where they have 16 bits."""
    (call,) = calls
    if g.tensor(op.outs[0]).params.bits == 8:
        return call
    _, in_h, in_w, c = g.tensor(op.ins[0]).shape
    distance = 2 * slide_distance(op.window, in_h, in_w, c, c)
    return replace(call, func=func, struct="eq_pool_s16_t", overlap=(distance,),
                   sources=(f"ops/{func}.c",), scratch=None)


@dataclass(frozen=True, kw_only=True)
class AveragePool(Pool):
    """y = act(mean over the window), padding not counted."""

    halves_up: bool = False  # round halves upwards, as TFLite does in uint8 models

    wide: ClassVar[bool] = True
    tflite_names: ClassVar[tuple[str, ...]] = ("AVERAGE_POOL_2D",)

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        made = super().from_tflite(node)
        assert isinstance(made, AveragePool)
        return replace(made, halves_up=node.unsigned)

    def _count(self, h: int, w: int) -> NDArray[np.int64]:
        """Pixels inside each window: (1, out_h, out_w, 1)."""
        ones = np.ones((1, h, w, 1), np.int64)
        return np.asarray(self.window.patches(ones, 0).sum((3, 4)))

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        (x,) = xs
        total = self.window.patches(x, 0.0).sum((3, 4), dtype=np.float32)
        mean = total / self._count(x.shape[1], x.shape[2]).astype(np.float32)
        return (apply_act(mean, self.act),)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        (x,) = qs
        total = self.window.patches(x, 0).sum((3, 4), dtype=np.int64)
        count = self._count(x.shape[1], x.shape[2])
        if self.halves_up:
            return (self.clamp(g, (total + count // 2) // count),)
        mean = np.sign(total) * ((np.abs(total) + count // 2) // count)
        return (self.clamp(g, mean),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        _, in_h, in_w, _ = g.tensor(self.ins[0]).shape
        if self.halves_up and np.any(self._count(in_h, in_w) % 2 == 0):
            return self.pool_call(g, plain.portable("eq_avgpool_s8_up"))
        return (_wide_or(self, g, self.pool_call(g, plain.pick(plain.AVGPOOL, target)),
                         "eq_avgpool_s16"),)


@dataclass(frozen=True, kw_only=True)
class MaxPool(Pool):
    """y = act(maximum over the window)."""

    wide: ClassVar[bool] = True
    tflite_names: ClassVar[tuple[str, ...]] = ("MAX_POOL_2D",)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return (apply_act(self.window.patches(xs[0], -np.inf).max((3, 4)), self.act),)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        least = g.tensor(self.ins[0]).params.qmin
        return (self.clamp(g, self.window.patches(qs[0], least).max((3, 4))),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        return (_wide_or(self, g, self.pool_call(g, plain.pick(plain.MAXPOOL, target)),
                         "eq_maxpool_s16"),)
