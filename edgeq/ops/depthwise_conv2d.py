"""DepthwiseConv2D: one filter (or `multiplier` filters) a channel, weights (1, kh, kw, out_c)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgeq import kernels
from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray, dtype_of
from edgeq.kernels.base import MacLayer, choose
from edgeq.ops.base import Act, Limit, Op, Shape, WeightSpec
from edgeq.ops.mac import (
    apply_act,
    batch_chunks,
    bias_differs,
    centred,
    epilogue,
    folded_bias,
    int32_bias,
    mac_fields,
    proven,
    weight_zero,
    weights_not_centred,
    weights_not_const,
    window_fields,
)
from edgeq.ops.windows import Window
from edgeq.plan import Call
from edgeq.readers.node import TfliteNode

A = TypeVar("A", FloatArray, IntArray)


def _channels_differ(op: Op, g: Graph) -> str:
    in_c, out_c = g.tensor(op.ins[0]).shape[-1], g.tensor(op.ins[1]).shape[-1]
    return "" if out_c % in_c == 0 else f"{out_c} filters for {in_c} channels"


def _widen(tap: A, out_c: int) -> A:
    """Every channel of (..., in_c) once for each of its filters: (..., out_c)."""
    m = out_c // tap.shape[-1]
    return tap if m == 1 else np.repeat(tap, m, axis=-1)


@dataclass(frozen=True, kw_only=True)
class DepthwiseConv2D(Op):
    """y[n, oy, ox, oc] = act(sum(x[n, oy*s + ky*d - p, ..., oc // m] * w[0, ky, kx, oc]) + b[oc]).

    Inputs: x (n, h, w, in_c), w (1, kh, kw, out_c), b (out_c,); m = out_c / in_c.
    """

    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pad: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    act: Act = Act.NONE
    float32: bool = False  # how the scales of a uint8 file are multiplied (see mac.epilogue)

    tflite_names: ClassVar[tuple[str, ...]] = ("DEPTHWISE_CONV_2D",)
    wide: ClassVar[bool] = True
    weight_spec: ClassVar[WeightSpec] = WeightSpec(weight=1, axis=3, bias=2)
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("constant weights", weights_not_const, "freeze the model before export"),
        Limit("one constant bias for each output channel", bias_differs, "export the model again"),
        Limit("weights with zero point 0, or with one for all as in uint8 models",
              weights_not_centred, "start from the float model, or quantize to int8"),
        Limit("a whole number of filters a channel", _channels_differ, "export the model again"),
    )

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        opts = node.conv_options()
        _, kh, kw, _ = node.shape(1)
        return cls(name=node.name, ins=(node.ins[0], node.ins[1], node.bias()), outs=node.outs,
                   stride=opts.stride, dilation=opts.dilation,
                   pad=node.padding(kh, kw, opts), act=opts.act, float32=node.unsigned)

    def window(self, w_shape: Shape) -> Window:
        return Window(w_shape[1], w_shape[2], self.stride, self.dilation, self.pad)

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        x, w, _ = ins
        out_h, out_w = self.window(w).out_size(x[1], x[2])
        return ((x[0], out_h, out_w, w[3]),)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        x, w, b = xs
        window = self.window(w.shape)
        out = np.empty((x.shape[0], *window.out_size(*x.shape[1:3]), w.shape[3]), np.float32)
        for part in batch_chunks(x.shape[0], 8 * max(x[:1].size, out[:1].size)):
            acc: NDArray[np.float32] = out[part]
            acc[...] = b
            for tap, w_tap in zip(window.taps(x[part], 0.0), w.reshape(-1, w.shape[3]),
                                  strict=True):
                acc += _widen(tap, w.shape[3]) * w_tap
            acc[...] = apply_act(acc, self.act)
        return (out,)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        x, w, b = qs
        window = self.window(w.shape)
        assert window.kh * window.kw < 1 << 15  # the sum of products stays in int32
        wide = dtype_of(32) if x.dtype == np.int8 else np.int64
        in_zero = int(g.tensor(self.ins[0]).params.zero)
        rows = centred(self, g, w).reshape(-1, w.shape[3]).astype(wide)  # (kh * kw, out_c)
        bias = folded_bias(b, rows.sum(0, dtype=np.int64), in_zero)
        epi = epilogue(self, g, self.act, w.shape[3], self.float32)
        out = np.empty((x.shape[0], *window.out_size(*x.shape[1:3]), w.shape[3]), x.dtype)
        for part in batch_chunks(x.shape[0], 32 * max(x[:1].size, out[:1].size)):
            acc = np.zeros(out[part].shape, wide)
            for tap, w_tap in zip(window.taps(x[part], in_zero), rows, strict=True):
                acc += _widen(tap, w.shape[3]) * w_tap
            out[part] = epi.apply(acc + bias)
        return (out,)

    def macs(self, g: Graph) -> int:
        _, kh, kw, _ = g.tensor(self.ins[1]).shape
        return g.tensor(self.outs[0]).size * kh * kw

    def mac_layer(self, g: Graph) -> MacLayer:
        """The layer as its kernels see it; weights (kh, kw, out_c)."""
        x, y = g.tensor(self.ins[0]), g.tensor(self.outs[0])
        w, b = g.integers(self.ins[1])[0], g.integers(self.ins[2])
        epi = epilogue(self, g, self.act, w.shape[2], self.float32)
        in_zero = int(x.params.zero)
        bias = folded_bias(b, centred(self, g, w).sum((0, 1), dtype=np.int64), in_zero)
        return proven(self.name, MacLayer(
            in_h=x.shape[1], in_w=x.shape[2], in_c=x.shape[3],
            out_h=y.shape[1], out_w=y.shape[2], out_c=y.shape[3],
            kh=w.shape[0], kw=w.shape[1], stride_h=self.stride[0], stride_w=self.stride[1],
            dil_h=self.dilation[0], dil_w=self.dilation[1],
            pad_top=self.pad[0][0], pad_left=self.pad[1][0],
            in_zero=in_zero, out_zero=epi.out_zero, act_min=epi.act_min, act_max=epi.act_max,
            weights=w.astype(np.int8), weight_zero=weight_zero(self, g),
            bias=int32_bias(self.name, bias),
            mult=epi.mult, shift=epi.shift, act_bits=epi.bits,
        ))

    def rows(self, g: Graph) -> Window | None:
        return self.window(g.tensor(self.ins[1]).shape)

    def with_border(self, top: int, bottom: int) -> Op:
        return replace(self, pad=((top, bottom), self.pad[1]))

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        layer = self.mac_layer(g)
        kernel = choose(kernels.DEPTHWISE, layer, target)
        return (Call(
            name=self.name, op="DepthwiseConv2D", func=kernel.func,
            struct=f"eq_dwconv2d_s{layer.act_bits}_t",
            fields=(*window_fields(layer), *mac_fields(layer, kernel)),
            ins=self.ins[:1], outs=self.outs,
            sources=(kernel.source, *kernel.headers), overlap=(kernel.overlap(layer),),
            scratch=kernel.scratch(layer), macs=self.macs(g), in_place=kernel.in_place(layer),
        ),)
