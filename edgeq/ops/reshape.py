"""Reshape, Squeeze, ExpandDims, Flatten: the same values under another shape; costs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.ops.base import Op, Rule, SameAsInput, Shape
from edgeq.plan import Call
from edgeq.readers.node import TfliteNode


@dataclass(frozen=True, kw_only=True)
class Reshape(Op):
    """y = x under the shape `to`, in row-major order.

    `to` is complete (no -1) and counts a batch of 1; at run time a larger batch multiplies the
    leading dimension.
    """

    to: Shape

    tflite_names: ClassVar[tuple[str, ...]] = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
    wide: ClassVar[bool] = True
    moves: ClassVar[bool] = True
    is_view: ClassVar[bool] = True

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        declared = node.tensors[node.outs[0]].shape
        size = prod(node.shape(0))
        if prod(declared) != size and node.kind == "RESHAPE" and len(node.ins) > 1:
            # a file with open sizes declares no useful shape, its second input does
            given = [int(n) for n in node.const(1).reshape(-1).tolist()]
            rest = prod(n for n in given if n != -1)
            if given.count(-1) == 1 and rest > 0 and size % rest == 0:
                given[given.index(-1)] = size // rest
            if -1 not in given:
                declared = tuple(given)
        return cls(name=node.name, ins=node.ins[:1], outs=node.outs, to=declared)

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        (x,) = ins
        # a wrong size gives the input's own shape, which Graph.check reports against the output's
        return (self.to if prod(x) == prod(self.to) else x,)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        (x,) = xs
        return (x.reshape(-1, *self.to[1:]) if self.to else x.reshape(()),)

    def rule(self) -> Rule:
        return SameAsInput()

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        (x,) = qs
        return (x.reshape(-1, *self.to[1:]) if self.to else x.reshape(()),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        return ()
