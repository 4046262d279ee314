"""Conv2D: dense 2-D convolution, NHWC input, (out_c, kh, kw, in_c) weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from edgeq import kernels
from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels.base import MacLayer, choose, overlap_of
from edgeq.ops.base import Act, Limit, Op, Shape, WeightSpec
from edgeq.ops.dense import dense_call
from edgeq.ops.mac import (
    apply_act,
    batch_chunks,
    bias_differs,
    centred,
    epilogue,
    exact_matmul,
    folded_bias,
    int32_bias,
    mac_fields,
    proven,
    stored_form,
    weight_zero,
    weights_not_centred,
    weights_not_const,
    window_fields,
)
from edgeq.ops.signs import sign_steps
from edgeq.ops.windows import Window
from edgeq.plan import Call
from edgeq.readers.node import TfliteNode


def _channels_differ(op: Op, g: Graph) -> str:
    in_c, w_c = g.tensor(op.ins[0]).shape[-1], g.tensor(op.ins[1]).shape[-1]
    return "" if in_c == w_c else f"input has {in_c} channels, weights take {w_c}"


@dataclass(frozen=True, kw_only=True)
class Conv2D(Op):
    """y[n, oy, ox, oc] = act(sum(x[n, oy*s + ky*d - p, ..., ic] * w[oc, ky, kx, ic]) + b[oc]).

    Inputs: x (n, h, w, in_c), w (out_c, kh, kw, in_c), b (out_c,).
    """

    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pad: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    act: Act = Act.NONE
    float32: bool = False  # how the scales of a uint8 file are multiplied (see mac.epilogue)

    tflite_names: ClassVar[tuple[str, ...]] = ("CONV_2D",)
    wide: ClassVar[bool] = True
    weight_spec: ClassVar[WeightSpec] = WeightSpec(weight=1, axis=0, bias=2)
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("constant weights", weights_not_const, "freeze the model before export"),
        Limit("one constant bias for each output channel", bias_differs, "export the model again"),
        Limit("weights with zero point 0, or with one for all as in uint8 models",
              weights_not_centred, "start from the float model, or quantize to int8"),
        Limit("one group: in_c of the weights equals the input's channels", _channels_differ,
              "split the grouped convolution into one convolution a group"),
    )

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        opts = node.conv_options()
        ins = (node.ins[0], node.ins[1], node.bias())
        _, kh, kw, _ = node.shape(1)
        return cls(name=node.name, ins=ins, outs=node.outs, stride=opts.stride,
                   dilation=opts.dilation, pad=node.padding(kh, kw, opts), act=opts.act,
                   float32=node.unsigned)

    def window(self, w_shape: Shape) -> Window:
        return Window(w_shape[1], w_shape[2], self.stride, self.dilation, self.pad)

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        x, w, _ = ins
        out_h, out_w = self.window(w).out_size(x[1], x[2])
        return ((x[0], out_h, out_w, w[0]),)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        x, w, b = xs
        window, rows = self.window(w.shape), w.reshape(w.shape[0], -1)  # (out_c, k)
        out_h, out_w = window.out_size(*x.shape[1:3])
        out = np.empty((x.shape[0], out_h, out_w, w.shape[0]), np.float32)
        for part in batch_chunks(x.shape[0], 4 * out_h * out_w * rows.shape[1]):
            flat = window.patches(x[part], 0.0).reshape(-1, rows.shape[1])
            y = apply_act(flat @ rows.T + b, self.act)
            out[part] = y.reshape(out[part].shape)
        return (out,)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        x, w, b = qs
        in_zero = int(g.tensor(self.ins[0]).params.zero)
        window, rows = self.window(w.shape), centred(self, g, w).reshape(w.shape[0], -1)
        bias = folded_bias(b, rows.sum(1, dtype=np.int64), in_zero)
        epi = epilogue(self, g, self.act, w.shape[0], self.float32)
        out_h, out_w = window.out_size(*x.shape[1:3])
        out = np.empty((x.shape[0], out_h, out_w, w.shape[0]), x.dtype)
        each = out_h * out_w * (5 * rows.shape[1] + 40 * w.shape[0])
        for part in batch_chunks(x.shape[0], each):
            flat = window.patches(x[part], in_zero).reshape(-1, rows.shape[1])
            out[part] = epi.apply(exact_matmul(flat, rows.T) + bias).reshape(out[part].shape)
        return (out,)

    def macs(self, g: Graph) -> int:
        w = g.tensor(self.ins[1]).shape
        _, out_h, out_w, out_c = g.tensor(self.outs[0]).shape
        return out_h * out_w * out_c * w[1] * w[2] * w[3]

    def mac_layer(self, g: Graph) -> MacLayer:
        """The layer as its kernels see it."""
        x, y = g.tensor(self.ins[0]), g.tensor(self.outs[0])
        w, b = g.integers(self.ins[1]), g.integers(self.ins[2])
        epi = epilogue(self, g, self.act, w.shape[0], self.float32)
        in_zero = int(x.params.zero)
        bits, run = (8, 0) if epi.bits == 16 else stored_form(self, g)
        rows = centred(self, g, w).reshape(w.shape[0], -1)  # (out_c, k)
        bias = folded_bias(b, rows.sum(1, dtype=np.int64), in_zero)
        return proven(self.name, MacLayer(
            in_h=x.shape[1], in_w=x.shape[2], in_c=x.shape[3],
            out_h=y.shape[1], out_w=y.shape[2], out_c=y.shape[3],
            kh=w.shape[1], kw=w.shape[2], stride_h=self.stride[0], stride_w=self.stride[1],
            dil_h=self.dilation[0], dil_w=self.dilation[1],
            pad_top=self.pad[0][0], pad_left=self.pad[1][0],
            in_zero=in_zero, out_zero=epi.out_zero, act_min=epi.act_min, act_max=epi.act_max,
            weights=w.astype(np.int8), weight_zero=weight_zero(self, g),
            bias=int32_bias(self.name, bias),
            mult=epi.mult, shift=epi.shift, act_bits=epi.bits,
            weight_bits=bits, run=run, signs=sign_steps(g, self.ins[0]) if bits == 1 else 0,
        ))

    def rows(self, g: Graph) -> Window | None:
        return self.window(g.tensor(self.ins[1]).shape)

    def with_border(self, top: int, bottom: int) -> Op:
        return replace(self, pad=((top, bottom), self.pad[1]))

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        layer = self.mac_layer(g)
        if layer.covers_input:
            return (dense_call(self, layer.as_dense(), self.macs(g), target),)
        kernel = choose(kernels.CONV2D, layer, target)
        return (Call(
            name=self.name, op="Conv2D", func=kernel.func, struct=f"eq_conv2d_s{layer.act_bits}_t",
            fields=(*window_fields(layer), *mac_fields(layer, kernel)),
            ins=self.ins[:1], outs=self.outs,
            sources=(kernel.source, *kernel.headers), overlap=(overlap_of(kernel, layer, target),),
            scratch=kernel.scratch(layer), macs=self.macs(g), in_place=kernel.in_place(layer),
            weight_bits=layer.weight_bits,
        ),)
