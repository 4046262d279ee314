"""Dense: fully connected layer, weights (out_c, in_c)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar

import numpy as np
import tflite

from edgeq import kernels
from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels.base import MacLayer, choose
from edgeq.ops.base import Act, Limit, Op, Shape, WeightSpec
from edgeq.ops.mac import (
    Epilogue,
    apply_act,
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
)
from edgeq.ops.signs import sign_steps
from edgeq.plan import Call
from edgeq.readers.node import TfliteNode


def _not_divisible(op: Op, g: Graph) -> str:
    x, w = g.tensor(op.ins[0]), g.tensor(op.ins[1])
    if len(w.shape) != 2:
        return f"weights of rank {len(w.shape)}"
    return "" if x.size % w.shape[1] == 0 else f"input of {x.size} values for in_c {w.shape[1]}"


@dataclass(frozen=True, kw_only=True)
class Dense(Op):
    """y[r, oc] = act(sum(x[r, ic] * w[oc, ic]) + b[oc]).

    Inputs: x of any rank, seen as rows of in_c values; w (out_c, in_c); b (out_c,). The output
    is (rows, out_c), or (*x.shape[:-1], out_c) where `keep_dims`.
    """

    act: Act = Act.NONE
    keep_dims: bool = False

    tflite_names: ClassVar[tuple[str, ...]] = ("FULLY_CONNECTED",)
    wide: ClassVar[bool] = True
    weight_spec: ClassVar[WeightSpec] = WeightSpec(weight=1, axis=0, bias=2)
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("constant weights", weights_not_const, "freeze the model before export"),
        Limit("one constant bias for each output channel", bias_differs, "export the model again"),
        Limit("weights with zero point 0, or with one for all as in uint8 models",
              weights_not_centred, "start from the float model, or quantize to int8"),
        Limit("an input that is whole rows of in_c values", _not_divisible,
              "flatten the input before the dense layer"),
    )

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        opts = node.options(tflite.FullyConnectedOptions)
        node.require(opts.WeightsFormat() == tflite.FullyConnectedOptionsWeightsFormat.DEFAULT,
                     "shuffled weights", "the default weight format", "export for any target")
        return cls(name=node.name, ins=(node.ins[0], node.ins[1], node.bias()), outs=node.outs,
                   act=node.act(opts.FusedActivationFunction()),
                   keep_dims=bool(opts.KeepNumDims()))

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        x, w, _ = ins
        if self.keep_dims:
            return ((*x[:-1], w[0]),)
        return ((prod(x) // w[1], w[0]),)

    def _out(self, x: Shape, w: Shape) -> Shape:
        return (*x[:-1], w[0]) if self.keep_dims else (-1, w[0])

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        x, w, b = xs
        y = x.reshape(-1, w.shape[1]) @ w.T + b
        return (apply_act(y, self.act).reshape(self._out(x.shape, w.shape)),)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        x, w, b = qs
        in_zero = int(g.tensor(self.ins[0]).params.zero)
        rows = centred(self, g, w)
        acc = exact_matmul(x.reshape(-1, w.shape[1]), rows.T)
        acc += folded_bias(b, rows.sum(1, dtype=np.int64), in_zero)
        y = self._epilogue(g).apply(acc)
        return (y.reshape(self._out(x.shape, w.shape)),)

    def macs(self, g: Graph) -> int:
        return g.tensor(self.ins[0]).size * g.tensor(self.ins[1]).shape[0]

    def _epilogue(self, g: Graph) -> Epilogue:
        return epilogue(self, g, self.act, g.tensor(self.ins[1]).shape[0])

    def mac_layer(self, g: Graph) -> MacLayer:
        """The layer as its kernels see it: every geometry field is 1."""
        w, b = g.integers(self.ins[1]), g.integers(self.ins[2])
        epi = self._epilogue(g)
        in_zero = int(g.tensor(self.ins[0]).params.zero)
        bits, run = (8, 0) if epi.bits == 16 else stored_form(self, g)
        bias = folded_bias(b, centred(self, g, w).sum(1, dtype=np.int64), in_zero)
        return proven(self.name, MacLayer(
            in_h=1, in_w=1, in_c=w.shape[1], out_h=1, out_w=1, out_c=w.shape[0],
            kh=1, kw=1, stride_h=1, stride_w=1, dil_h=1, dil_w=1, pad_top=0, pad_left=0,
            in_zero=in_zero, out_zero=epi.out_zero, act_min=epi.act_min, act_max=epi.act_max,
            weights=w.astype(np.int8), weight_zero=weight_zero(self, g),
            bias=int32_bias(self.name, bias),
            mult=epi.mult, shift=epi.shift, act_bits=epi.bits,
            weight_bits=bits, run=run, signs=sign_steps(g, self.ins[0]) if bits == 1 else 0,
        ))

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        layer = self.mac_layer(g)
        rows = g.tensor(self.ins[0]).size // layer.in_c
        return (dense_call(self, replace(layer, rows=rows), self.macs(g), target),)


def dense_call(op: Op, layer: MacLayer, macs: int, target: Target) -> Call:
    """The call for `op`, whose layer.rows outputs are dot products of inputs of layer.in_c."""
    kernel = choose(kernels.DENSE, layer, target)
    fields = (
        ("rows", layer.rows), ("in_c", layer.in_c), ("out_c", layer.out_c),
        ("in_zero", layer.in_zero), ("out_zero", layer.out_zero),
        ("act_min", layer.act_min), ("act_max", layer.act_max),
        *mac_fields(layer, kernel),
    )
    return Call(
        name=op.name, op=type(op).__name__, func=kernel.func,
        struct=f"eq_dense_s{layer.act_bits}_t", fields=fields,
        ins=op.ins[:1], outs=op.outs,
        sources=(kernel.source, *kernel.headers), overlap=(kernel.overlap(layer),),
        scratch=kernel.scratch(layer), macs=macs, weight_bits=layer.weight_bits,
    )
