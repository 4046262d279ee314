"""TransposeConv: transposed 2-D convolution, (out_c, kh, kw, in_c) weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import tflite

from edgeq.board import Target
from edgeq.errors import ModelError
from edgeq.ir import FloatArray, Graph, IntArray, QuantParams, Tensor
from edgeq.kernels import plain
from edgeq.ops.base import Act, Limit, Op, Shape, WeightSpec
from edgeq.ops.mac import (
    Epilogue,
    apply_act,
    bias_differs,
    epilogue,
    int32_bias,
    weights_not_const,
    weights_not_symmetric,
)
from edgeq.ops.windows import same_padding
from edgeq.plan import Blob, Call
from edgeq.readers.node import TfliteNode
from edgeq.requant import wide_factors


def _channels_differ(op: Op, g: Graph) -> str:
    x, w = g.tensor(op.ins[0]).shape, g.tensor(op.ins[1]).shape
    fits = len(x) == len(w) == 4 and x[3] == w[3]
    return "" if fits else f"an input of {x} for weights {w}"


@dataclass(frozen=True, kw_only=True)
class TransposeConv(Op):
    """y[oy, ox, oc] = act(sum(x[iy, ix, ic] * w[oc, ky, kx, ic]) + b[oc]) over all taps with
    iy * stride + ky - top = oy, and the same for x.

    Inputs: x (n, h, w, in_c), w (out_c, kh, kw, in_c), b (out_c,); `size` is (out_h, out_w).
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    top: int = 0
    left: int = 0
    act: Act = Act.NONE

    wide: ClassVar[bool] = True
    tflite_names: ClassVar[tuple[str, ...]] = ("TRANSPOSE_CONV",)
    weight_spec: ClassVar[WeightSpec] = WeightSpec(weight=1, axis=0, bias=2)
    own_consts: ClassVar[tuple[int, ...]] = (1, 2)
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("constant weights", weights_not_const, "freeze the model before export"),
        Limit("one constant bias for each output channel", bias_differs, "export the model again"),
        Limit("weights with zero point 0", weights_not_symmetric,
              "start from the float model, or quantize to int8"),
        Limit("as many input channels as the weights take", _channels_differ,
              "export the model again"),
    )

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        opts = node.options(tflite.TransposeConvOptions)
        given = node.tensors[node.ins[0]].data  # sizes computed at run time: the file's shape
        out = list(node.tensors[node.outs[0]].shape if given is None else map(int, given.flat))
        _, kh, kw, _ = node.shape(1)
        stride, pads = (opts.StrideH(), opts.StrideW()), [(0, 0), (0, 0)]
        if min(stride) < 1 or len(out) != 4:
            raise ModelError(node.name, f"stride {stride}, output {out}", "positive numbers",
                             "export the model again")
        if opts.Padding() == tflite.Padding.SAME:
            pads = [same_padding(size, k, s, 1)
                    for size, k, s in zip(out[1:3], (kh, kw), stride, strict=True)]
        bias = node.ins[3] if len(node.ins) > 3 and node.ins[3] else _zero_bias(node)
        return cls(name=node.name, ins=(node.ins[2], node.ins[1], bias), outs=node.outs,
                   size=(out[1], out[2]), stride=stride, top=pads[0][0], left=pads[1][0],
                   act=node.act(opts.FusedActivationFunction()))

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        return ((ins[0][0], *self.size, ins[1][0]),)

    def _spread(self, x: FloatArray, w: FloatArray) -> FloatArray:
        """The sums of all taps, (n, out_h, out_w, out_c); exact on integers in float64."""
        n, h, width, _ = x.shape
        out_c, kh, kw, _ = w.shape
        (sy, sx), (out_h, out_w) = self.stride, self.size
        full = np.zeros((n, max((h - 1) * sy + kh, self.top + out_h),
                         max((width - 1) * sx + kw, self.left + out_w), out_c),
                        x.dtype)
        for ky, kx in np.ndindex(kh, kw):
            full[:, ky:ky + h * sy:sy, kx:kx + width * sx:sx] += x @ w[:, ky, kx].T
        return full[:, self.top:self.top + out_h, self.left:self.left + out_w]

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        x, w, b = xs
        return (apply_act(self._spread(x.astype(np.float32), w) + b, self.act),)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        x, w, b = qs
        centred = x.astype(np.float64) - int(g.tensor(self.ins[0]).params.zero)
        acc = np.asarray(self._spread(centred, w.astype(np.float64)), np.int64) + b
        return (epilogue(self, g, self.act, w.shape[0]).apply(acc),)

    def const_params(self, g: Graph, params: Mapping[str, QuantParams]) -> dict[str, QuantParams]:
        w, b = (np.abs(np.asarray(g.const(n), np.float64)) for n in self.ins[1:])
        in_scale, out_scale = (float(params[n].scale) for n in (self.ins[0], self.outs[0]))
        scale = np.maximum(w.reshape(len(w), -1).max(1) / 127, b / (in_scale * 2.0**28))
        scale = np.maximum(scale, out_scale / (in_scale * 2.0**24))
        scale = scale.astype(np.float32).astype(np.float64)
        zero = np.zeros(len(w), np.int32)
        return {self.ins[1]: QuantParams(scale, zero, 8, 0),
                self.ins[2]: QuantParams(scale * in_scale, zero, 32, 0)}

    def macs(self, g: Graph) -> int:
        _, h, w, _ = g.tensor(self.ins[0]).shape
        return h * w * g.tensor(self.ins[1]).size

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        _, in_h, in_w, in_c = g.tensor(self.ins[0]).shape
        w, b = g.integers(self.ins[1]), g.integers(self.ins[2])
        out_c, kh, kw, _ = w.shape
        epi, kernel = epilogue(self, g, self.act, out_c), plain.pick(plain.TRANSPOSE_CONV, target)
        self._prove(epi, w, b)
        fields = (
            ("in_h", in_h), ("in_w", in_w), ("in_c", in_c),
            ("out_h", self.size[0]), ("out_w", self.size[1]), ("out_c", out_c),
            ("kh", kh), ("kw", kw), ("stride_h", self.stride[0]), ("stride_w", self.stride[1]),
            ("pad_top", self.top), ("pad_left", self.left),
            ("in_zero", int(g.tensor(self.ins[0]).params.zero)), ("out_zero", epi.out_zero),
            ("act_min", epi.act_min), ("act_max", epi.act_max),
            ("weights", Blob("weights", "int8_t", w.reshape(-1).astype(np.int8),
                             "(out_c, kh, kw, in_c)", align=16)),
            ("bias", Blob("bias", "int32_t", int32_bias(self.name, b.astype(np.int64)))),
            *_factors(epi),
        )
        func = kernel.func if epi.bits == 8 else "eq_tconv2d_s16"
        return (Call(name=self.name, op="TransposeConv", func=func,
                     struct=f"eq_tconv2d_s{epi.bits}_t", fields=fields, ins=self.ins[:1],
                     outs=self.outs, overlap=(None,), macs=self.macs(g),
                     sources=kernel.sources if epi.bits == 8 else (
                         f"ops/{func}.c", "ops/eq_dot_s16.h", "ops/eq_tconv_taps.h")),)

    def _prove(self, epi: Epilogue, w: IntArray, b: IntArray) -> None:
        """Raise ModelError unless accumulators stay within int32 (16-bit layers have 64 bits)."""
        most = 255 * np.abs(w.astype(np.int64)).reshape(len(w), -1).sum(1) + np.abs(
            b.astype(np.int64))
        left = np.clip(epi.shift, 0, 31).astype(np.int64)
        if epi.bits == 8 and int((most << left).max()) >= 1 << 31:
            raise ModelError(self.name, f"accumulators of up to {int(most.max())}, scaled",
                             "below 2**31", "check the scales of this layer")


def _factors(epi: Epilogue) -> tuple[tuple[str, Blob], ...]:
    """The tables of the requantization."""
    if epi.bits == 8:
        return (("mult", Blob("mult", "int32_t", epi.mult, "Q31")),
                ("shift", Blob("shift", "int8_t", epi.shift, "positive is left")))
    factor, right = wide_factors(epi.mult, epi.shift)
    return (("mult", Blob("mult", "int16_t", factor, "Q15")),
            ("shift", Blob("shift", "int8_t", right, "to the right")))


def _zero_bias(node: TfliteNode) -> str:
    """Name of a new bias of zeros."""
    name, out_c = f"{node.name}/zero_bias", node.shape(1)[0]
    x, w = node.tensors[node.ins[2]].q, node.tensors[node.ins[1]].q
    if x is None or w is None:
        node.tensors[name] = Tensor(name, (out_c,), np.zeros(out_c, np.float32))
        return name
    scale = np.asarray(x.scale * w.scale)
    q = QuantParams(scale, np.zeros(scale.shape, np.int32), 32, None if w.axis is None else 0)
    node.tensors[name] = Tensor(name, (out_c,), np.zeros(out_c, np.int32), q)
    return name
