"""TopK: the largest or smallest values of each row, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels import plain
from edgeq.ops.base import Integers, Limit, Op, Rule, SameAsInput, Shape
from edgeq.plan import Call


def _too_many(op: Op, g: Graph) -> str:
    assert isinstance(op, TopK)
    shape = g.tensor(op.ins[0]).shape
    fits = len(shape) > 1 and 1 <= op.k <= shape[-1]
    return "" if fits else f"{op.k} of {shape}"


@dataclass(frozen=True, kw_only=True)
class TopK(Op):
    """Values and indices (int32) of the `k` largest or smallest values along the last axis.

    Sorted; of equal values the first one comes first.
    """

    k: int
    largest: bool = True

    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("a row behind the batch, and at most all of it", _too_many, "take fewer"),)

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        out = (*ins[0][:-1], self.k)
        return out, out

    def rule(self) -> Rule:
        return SameAsInput()

    def output_rule(self, index: int) -> Rule:
        return Integers(32) if index else SameAsInput()

    def _found(self, x: FloatArray | IntArray) -> IntArray:
        order = np.argsort(-x if self.largest else x, -1, kind="stable")
        return np.asarray(order[..., :self.k])

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        at = self._found(xs[0])
        return np.take_along_axis(xs[0], at, -1), at.astype(np.float32)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        at = self._found(qs[0].astype(np.int16))
        return np.take_along_axis(qs[0], at, -1), at.astype(np.int32)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        shape, kernel = g.tensor(self.ins[0]).shape, plain.pick(plain.TOPK, target)
        fields = (("rows", prod(shape[:-1])), ("n", shape[-1]), ("k", self.k),
                  ("sign", 1 if self.largest else -1))
        return (Call(name=self.name, op="TopK", func=kernel.func, struct="eq_topk_s8_t",
                     fields=fields, ins=self.ins, outs=self.outs, sources=kernel.sources,
                     overlap=(None,)),)
