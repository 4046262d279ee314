"""Take: entries of an activation by indices that come at run time, too."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from edgeq.board import Target
from edgeq.errors import ModelError
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels import plain
from edgeq.ops.base import Op, Rule, SameAsInput, Shape, value_bytes
from edgeq.plan import Call


@dataclass(frozen=True, kw_only=True)
class Take(Op):
    """y[n, i, ...] = x[n, index[n, i], ...]; an index beyond x takes its nearest end.

    Inputs: x (1, rows, ...), indices (1, ...) as whole numbers: int32 in the integer graph and C.
    """

    wide: ClassVar[bool] = True
    index_ins: ClassVar[tuple[int, ...]] = (1,)

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        x, index = ins
        if len(x) < 2 or x[:1] != (1,) or index[:1] != (1,):
            raise ModelError(self.name, f"indices {index} into {x}", "a batch of 1 in front",
                             "export the model again")
        return ((*index, *x[2:]),)

    def rule(self) -> Rule:
        return SameAsInput(0)

    def _rows(self, x: FloatArray | IntArray, index: FloatArray | IntArray) -> IntArray:
        at = np.clip(index.astype(np.int64), 0, x.shape[1] - 1)
        sample = np.arange(len(at)).reshape(-1, *(1,) * (at.ndim - 1))
        return np.asarray(at + sample * x.shape[1])

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        x = xs[0]
        return (x.reshape(-1, *x.shape[2:])[self._rows(*xs)],)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        x = qs[0]
        return (x.reshape(-1, *x.shape[2:])[self._rows(*qs)],)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        x, index = (g.tensor(n) for n in self.ins)
        kernel = plain.pick(plain.EMBEDDING, target)
        fields = (("n", index.size), ("rows", x.shape[1]),
                  ("width", prod(x.shape[2:]) * value_bytes(g, x.name)))
        return (Call(name=self.name, op="Take", func=kernel.func, struct="eq_embedding_t",
                     fields=fields, ins=(index.name, x.name), outs=self.outs,
                     sources=kernel.sources, overlap=(None, None)),)
