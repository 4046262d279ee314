"""One TFLite node as the operators see it: names, shapes, constants and typed options."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import tflite

from edgeq.errors import ModelError, UnsupportedError
from edgeq.ir import Array, QuantParams, Tensor
from edgeq.ops.base import Act, Shape
from edgeq.ops.windows import same_padding

_ACTS = {
    tflite.ActivationFunctionType.NONE: Act.NONE,
    tflite.ActivationFunctionType.RELU: Act.RELU,
    tflite.ActivationFunctionType.RELU6: Act.RELU6,
    tflite.ActivationFunctionType.RELU_N1_TO_1: Act.RELU_N1_TO_1,
}

Pad2D = tuple[tuple[int, int], tuple[int, int]]
T = TypeVar("T")


@dataclass(frozen=True)
class ConvOptions:
    """What convolutions and pools have in common in the file."""

    stride: tuple[int, int]
    dilation: tuple[int, int]
    same: bool  # SAME padding, else VALID
    act: Act
    multiplier: int = 1


@dataclass(frozen=True, eq=False)
class TfliteNode:
    """A node: `ins` holds "" for an optional input that is absent.

    `tensors` are all of the file; an operator may add constants that it makes of its own.
    """

    name: str  # unique, e.g. "conv2d_3"
    kind: str  # BuiltinOperator name, e.g. "CONV_2D"
    ins: tuple[str, ...]
    outs: tuple[str, ...]
    tensors: MutableMapping[str, Tensor]
    op: tflite.Operator
    unsigned: bool = False  # the file has uint8 where `tensors` has int8

    def shape(self, i: int) -> Shape:
        """Shape of input `i`."""
        return self.tensors[self.ins[i]].shape

    def const(self, i: int) -> Array:
        """Data of input `i`, which must be a constant."""
        data = self.tensors[self.ins[i]].data
        if data is None:
            raise UnsupportedError(
                self.name, f"input {i} ({self.ins[i]!r}) is computed at run time",
                "a constant", "freeze the model before export")
        return data

    def stacked(self, inputs: Sequence[int], what: str) -> str:
        """Name of a new constant: the constant `inputs` one behind the other along axis 0.

        Where they are quantized, so is it: with the scale of its input for every row.
        """
        parts = [self.const(i) for i in inputs]
        given = [self.tensors[self.ins[i]].q for i in inputs]
        known = [q for q in given if q is not None]
        data, q = np.concatenate(parts), None
        if len(known) == len(parts):
            rows = [np.broadcast_to(q.scale, len(p)) for p, q in zip(parts, known, strict=True)]
            zeros = [np.broadcast_to(q.zero, len(p)) for p, q in zip(parts, known, strict=True)]
            q = QuantParams(np.concatenate(rows), np.concatenate(zeros), known[0].bits, 0)
        name = f"{self.name}/{what}"
        self.tensors[name] = Tensor(name, data.shape, data, q)
        return name

    def require(self, holds: bool, found: str, allowed: str, fix: str) -> None:
        """Raise UnsupportedError unless `holds`."""
        if not holds:
            raise UnsupportedError(self.name, found, allowed, fix)

    def bias(self) -> str:
        """Name of the bias input (the reader adds a zero bias where the file has none)."""
        return self.ins[2]

    def options(self, kind: type[T]) -> T:
        """The node's builtin options as `kind`, e.g. node.options(tflite.SoftmaxOptions)."""
        table = self.op.BuiltinOptions()
        if table is None:
            raise ModelError(self.name, "has no options", kind.__name__, "export the model again")
        opts = kind()
        opts.Init(table.Bytes, table.Pos)  # type: ignore[attr-defined]
        return opts

    def act(self, code: int) -> Act:
        """The fused activation `code`."""
        if code not in _ACTS:
            raise UnsupportedError(self.name, f"fused activation {code}", "NONE, RELU, RELU6, "
                                   "RELU_N1_TO_1", "export with a separate activation")
        return _ACTS[code]

    def conv_options(self) -> ConvOptions:
        """Stride, dilation, padding and activation of a convolution or pool."""
        opts = self._conv_options()
        if min(*opts.stride, *opts.dilation) < 1 or len(self.shape(0)) != 4:
            raise ModelError(self.name, f"stride {opts.stride}, dilation {opts.dilation}, input of "
                             f"shape {self.shape(0)}", "positive numbers and (n, h, w, c)",
                             "export the model again")
        return opts

    def _conv_options(self) -> ConvOptions:
        if self.kind == "CONV_2D":
            c = self.options(tflite.Conv2DOptions)
            return ConvOptions((c.StrideH(), c.StrideW()),
                               (c.DilationHFactor(), c.DilationWFactor()),
                               c.Padding() == tflite.Padding.SAME,
                               self.act(c.FusedActivationFunction()))
        if self.kind == "DEPTHWISE_CONV_2D":
            d = self.options(tflite.DepthwiseConv2DOptions)
            return ConvOptions((d.StrideH(), d.StrideW()),
                               (d.DilationHFactor(), d.DilationWFactor()),
                               d.Padding() == tflite.Padding.SAME,
                               self.act(d.FusedActivationFunction()), d.DepthMultiplier())
        p = self.options(tflite.Pool2DOptions)
        return ConvOptions((p.StrideH(), p.StrideW()), (1, 1),
                           p.Padding() == tflite.Padding.SAME,
                           self.act(p.FusedActivationFunction()))

    def padding(self, kh: int, kw: int, opts: ConvOptions) -> Pad2D:
        """Explicit padding ((top, bottom), (left, right)) for the first input."""
        if not opts.same:
            return ((0, 0), (0, 0))
        _, h, w, _ = self.shape(0)
        return (same_padding(h, kh, opts.stride[0], opts.dilation[0]),
                same_padding(w, kw, opts.stride[1], opts.dilation[1]))
