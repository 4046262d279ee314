"""Embedding: rows of a constant table by indices that come at run time."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels import plain
from edgeq.ops.base import Limit, Op, Rule, SameAsInput, Shape, value_bytes
from edgeq.plan import Call


def _no_table(op: Op, g: Graph) -> str:
    return "" if g.tensor(op.ins[0]).is_const else "a table computed at run time"


@dataclass(frozen=True, kw_only=True)
class Embedding(Op):
    """y[i, ...] = table[index[i], ...]; an index beyond the table takes its nearest end.

    Inputs: table (rows, ...), indices as whole numbers: int32 in the integer graph and in C.
    Read from GATHER and EMBEDDING_LOOKUP of TensorFlow Lite, Gather of ONNX.
    """

    wide: ClassVar[bool] = True
    index_ins: ClassVar[tuple[int, ...]] = (1,)
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("a constant table", _no_table,
              "choose by constant indices, or multiply by a one-hot vector"),)

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        return ((*ins[1], *ins[0][1:]),)

    def rule(self) -> Rule:
        return SameAsInput(0)

    def _rows(self, table: FloatArray | IntArray, index: FloatArray | IntArray) -> IntArray:
        return np.clip(index.astype(np.int64), 0, len(table) - 1)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return (xs[0][self._rows(*xs)],)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        return (qs[0][self._rows(*qs)],)

    def takes_wide(self, g: Graph) -> bool:
        """Tables are stored with 8 bits."""
        return False

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        table, index = (g.tensor(n) for n in self.ins)
        kernel = plain.pick(plain.EMBEDDING, target)
        fields = (("n", index.size), ("rows", table.shape[0]),
                  ("width", prod(table.shape[1:]) * value_bytes(g, self.ins[0])))
        return (Call(name=self.name, op="Embedding", func=kernel.func, struct="eq_embedding_t",
                     fields=fields, ins=(self.ins[1], self.ins[0]), outs=self.outs,
                     sources=kernel.sources, overlap=(None, None)),)
