"""ArgExtreme: where the largest or smallest value lies along one axis, as int32."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels import plain
from edgeq.ops.base import Integers, Limit, Op, Rule, Shape
from edgeq.plan import Call
from edgeq.readers.node import TfliteNode


def _over_batch(op: Op, g: Graph) -> str:
    assert isinstance(op, ArgExtreme)
    rank = len(g.tensor(op.ins[0]).shape)
    return "the batch axis" if op.axis == 0 and rank > 1 else ""


@dataclass(frozen=True, kw_only=True)
class ArgExtreme(Op):
    """y = index of the largest (or smallest) value of x along `axis`, the first (last) of equals.

    The output holds int32; its scale is 1. Without `keep_dims` the axis is gone.
    """

    axis: int
    is_max: bool
    keep_dims: bool = False
    last: bool = False

    tflite_names: ClassVar[tuple[str, ...]] = ("ARG_MAX", "ARG_MIN")
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("an axis behind the batch", _over_batch, "search along another axis"),)

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        axis = int(node.const(1).reshape(-1)[0]) % max(1, len(node.shape(0)))
        return cls(name=node.name, ins=node.ins[:1], outs=node.outs, axis=axis,
                   is_max=node.kind == "ARG_MAX")

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        kept = (1,) if self.keep_dims else ()
        return ((*ins[0][:self.axis], *kept, *ins[0][self.axis + 1:]),)

    def rule(self) -> Rule:
        return Integers(32)

    def _found(self, x: FloatArray | IntArray) -> IntArray:
        x = np.flip(x, self.axis) if self.last else x
        at = (np.argmax if self.is_max else np.argmin)(x, self.axis)
        at = x.shape[self.axis] - 1 - at if self.last else at
        return np.expand_dims(at, self.axis) if self.keep_dims else np.asarray(at)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return (self._found(xs[0]).astype(np.float32),)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        return (self._found(qs[0]).astype(np.int32),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        shape, kernel = g.tensor(self.ins[0]).shape, plain.pick(plain.ARG_EXTREME, target)
        fields = (("outer", prod(shape[:self.axis])), ("n", shape[self.axis]),
                  ("inner", prod(shape[self.axis + 1:])), ("sign", 1 if self.is_max else -1),
                  ("last", int(self.last)))
        return (Call(name=self.name, op="ArgExtreme", func=kernel.func,
                     struct="eq_argextreme_s8_t", fields=fields, ins=self.ins, outs=self.outs,
                     sources=kernel.sources, overlap=(None,)),)
