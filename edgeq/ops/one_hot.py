"""OneHot: indices that come at run time as rows of 0 with a 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels import plain
from edgeq.ops.base import Integers, Op, Rule, Shape
from edgeq.plan import Call


@dataclass(frozen=True, kw_only=True)
class OneHot(Op):
    """y[..., k] = 1 where the index is k, else 0; the index is int32 in the integer graph and C.

    Indices outside of 0 to `depth` - 1 give zeros; where `wraps`, those from -`depth` to -1 count
    from the end.
    """

    depth: int
    wraps: bool = False

    index_ins: ClassVar[tuple[int, ...]] = (0,)

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        return ((*ins[0], self.depth),)

    def rule(self) -> Rule:
        return Integers(8)

    def _rows(self, index: FloatArray | IntArray) -> NDArray[np.bool_]:
        at = index.astype(np.int64)
        if self.wraps:
            at = np.where((at < 0) & (at >= -self.depth), at + self.depth, at)
        return np.asarray(at[..., None] == np.arange(self.depth))

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return (self._rows(xs[0]).astype(np.float32),)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        return (self._rows(qs[0]).astype(np.int8),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        kernel = plain.pick(plain.ONE_HOT, target)
        fields = (("n", g.tensor(self.ins[0]).size), ("depth", self.depth),
                  ("wraps", int(self.wraps)))
        return (Call(name=self.name, op="OneHot", func=kernel.func, struct="eq_onehot_t",
                     fields=fields, ins=self.ins, outs=self.outs, sources=kernel.sources,
                     overlap=(None,)),)
