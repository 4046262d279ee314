"""Concatenation along any axis but the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar, TypeVar

import numpy as np
import tflite
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.errors import ModelError
from edgeq.ir import FloatArray, Graph, IntArray, QuantParams, dtype_of, same_params
from edgeq.kernels import plain
from edgeq.ops.base import Act, Limit, Op, Shape
from edgeq.ops.lut import look_up, lut_blob
from edgeq.ops.requantize import multiplier, requantize_table, requantized
from edgeq.ops.reshape import Reshape
from edgeq.plan import Call
from edgeq.readers.node import TfliteNode

N = TypeVar("N", bound=np.generic)


def _over_batch(op: Op, g: Graph) -> str:
    assert isinstance(op, Concat)
    return "the batch axis is concatenated" if op.axis == 0 else ""


def _widths_differ(op: Op, g: Graph) -> str:
    out = g.tensor(op.outs[0]).q
    if out is None:
        return ""
    return next((f"{n!r} of {g.tensor(n).params.bits} bits for {out.bits}" for n in op.ins
                 if g.tensor(n).params.bits != out.bits
                 or (out.bits > 16 and not same_params(g.tensor(n).params, out))), "")


@dataclass(frozen=True, kw_only=True)
class Concat(Op):
    """y = the inputs one behind the other along `axis`.

    An input with the output's parameters is copied, another one is requantized; the quantizer
    may give all of them the same parameters (`unifies`). Constants may be among them.
    """

    axis: int

    tflite_names: ClassVar[tuple[str, ...]] = ("CONCATENATION",)
    unifies: ClassVar[bool] = True
    wide: ClassVar[bool] = True
    moves: ClassVar[bool] = True
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("an axis behind the batch", _over_batch, "concatenate along another axis"),
        Limit("inputs of the output's width", _widths_differ, "convert them before"),
    )

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        opts = node.options(tflite.ConcatenationOptions)
        node.require(node.act(opts.FusedActivationFunction()) is Act.NONE,
                     "has a fused activation", "none", "put the activation behind")
        return cls(name=node.name, ins=node.ins, outs=node.outs,
                   axis=opts.Axis() % len(node.shape(0)))

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        rest = {s[:self.axis] + s[self.axis + 1:] for s in ins}
        if len(rest) != 1 or len({len(s) for s in ins}) != 1:
            raise ModelError(self.name, f"inputs of shapes {', '.join(map(str, ins))}",
                             f"equal sizes but for axis {self.axis}", "export the model again")
        total = sum(s[self.axis] for s in ins)
        return ((*ins[0][:self.axis], total, *ins[0][self.axis + 1:]),)

    def join(self, parts: Sequence[NDArray[N]]) -> NDArray[N]:
        """The parts as one array."""
        return np.concatenate(parts, self.axis)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return (self.join(repeated(xs)),)

    def const_params(self, g: Graph, params: Mapping[str, QuantParams]) -> dict[str, QuantParams]:
        """Constants that nobody else reads are rounded once, to the output's parameters."""
        return {n: params[self.outs[0]] for n in self.ins
                if g.tensor(n).is_const and len(g.consumers(n)) == 1}

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        q_out = g.tensor(self.outs[0]).params
        parts = [x if same_params(q, q_out) else requantized(x, q, q_out) if q_out.bits == 16
                 else look_up(requantize_table(q, q_out), x)
                 for x, q in ((x, g.tensor(n).params) for x, n in zip(qs, self.ins, strict=True))]
        return (self.join(repeated(parts)),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        """One call an input, each writing its part of the output."""
        out = g.tensor(self.outs[0])
        stride = prod(out.shape[self.axis:])
        calls, offset = [], 0
        for i, name in enumerate(self.ins):
            chunk = prod(g.tensor(name).shape[self.axis:])
            params = (g.tensor(name).params, out.params)
            where = (type(self).__name__, f"{self.name}_{i}", name, self.outs[0],
                     out.size // stride, chunk)
            if out.params.bits == 16 and not same_params(*params):
                calls.append(_scaled_copy(*where, (offset, stride), params))
            else:
                calls.append(copy_call(*where, (0, chunk), (offset, stride), params, target))
            offset += chunk
        return tuple(calls)


def _scaled_copy(kind: str, name: str, source: str, out: str, outer: int, chunk: int,
                 writes: tuple[int, int], params: tuple[QuantParams, QuantParams]) -> Call:
    """`outer` blocks of `chunk` 16-bit values of other steps, each to (offset, stride)."""
    mult, shift = multiplier(*params)
    fields = (("outer", outer), ("chunk", chunk), ("out_offset", writes[0]),
              ("out_stride", writes[1]), ("shift", shift), ("mult", mult))
    return Call(name=name, op=kind, func="eq_copy_s16", struct="eq_copy_s16_t", fields=fields,
                ins=(source,), outs=(out,), sources=("ops/eq_copy_s16.c",), overlap=(None,))


@dataclass(frozen=True, kw_only=True)
class Pack(Concat):
    """y = the inputs, all of one shape, side by side along a new axis."""

    tflite_names: ClassVar[tuple[str, ...]] = ("PACK",)

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        axis = node.options(tflite.PackOptions).Axis() % (len(node.shape(0)) + 1)
        if len(node.ins) == 1:  # nothing is joined: an axis of size 1 more
            return Reshape(name=node.name, ins=node.ins, outs=node.outs,
                           to=(*node.shape(0)[:axis], 1, *node.shape(0)[axis:]))
        return cls(name=node.name, ins=node.ins, outs=node.outs, axis=axis)

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        return Concat.shape(self, *((*s[:self.axis], 1, *s[self.axis:]) for s in ins))

    def join(self, parts: Sequence[NDArray[N]]) -> NDArray[N]:
        return np.stack(parts, self.axis)


def repeated(parts: Sequence[NDArray[N]]) -> list[NDArray[N]]:
    """`parts`, those of a batch of one (constants) as often as the others have samples."""
    batch = max(len(x) for x in parts)
    return [x if len(x) == batch else np.repeat(x, batch // len(x), 0) for x in parts]


def copy_call(kind: str, name: str, source: str, out: str, outer: int, chunk: int,
              reads: tuple[int, int], writes: tuple[int, int],
              params: tuple[QuantParams, QuantParams], target: Target) -> Call:
    """`outer` blocks of `chunk` values from `source` to `out`, each at (offset, stride).

    `params` are those of source and output: where they differ, the copy requantizes.
    """
    kernel, same = plain.pick(plain.COPY, target), same_params(*params)
    each = dtype_of(params[1].bits)().itemsize
    assert same or each == 1
    fields = (("outer", outer), ("chunk", chunk * each), ("in_offset", reads[0] * each),
              ("in_stride", reads[1] * each), ("out_offset", writes[0] * each),
              ("out_stride", writes[1] * each),
              ("table", 0 if same else lut_blob(requantize_table(*params))))
    return Call(name=name, op=kind, func=kernel.func, struct="eq_copy_s8_t",
                fields=fields, ins=(source,), outs=(out,), sources=kernel.sources,
                overlap=(None,), as_bytes=True)
