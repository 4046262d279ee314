"""Minimum and Maximum of two operands, one of which may repeat over the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray, same_params
from edgeq.kernels import plain
from edgeq.ops.base import Limit, Op, Shape
from edgeq.ops.broadcast import broadcast_shape
from edgeq.ops.elementwise import Binary, broadcast_call, operands, scalar_call
from edgeq.ops.lut import look_up, lut_blob
from edgeq.ops.requantize import requantize_table
from edgeq.plan import Call, Value
from edgeq.readers.node import TfliteNode


@dataclass(frozen=True, kw_only=True)
class MinMax(Op):
    """y = min(a, b) or max(a, b); operands with other parameters than y are requantized first."""

    is_max: bool

    tflite_names: ClassVar[tuple[str, ...]] = ("MINIMUM", "MAXIMUM")
    unifies: ClassVar[bool] = True
    limits: ClassVar[tuple[Limit, ...]] = Binary.limits

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        return cls(name=node.name, ins=node.ins, outs=node.outs, is_max=node.kind == "MAXIMUM")

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        return (broadcast_shape(self.name, *ins),)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return ((np.maximum if self.is_max else np.minimum)(*xs),)

    def _table(self, g: Graph, i: int) -> IntArray | None:
        """From operand i to the output's parameters; None where they are the same."""
        q_in, q_out = g.tensor(self.ins[i]).params, g.tensor(self.outs[0]).params
        return None if same_params(q_in, q_out) else requantize_table(q_in, q_out)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        tables = [self._table(g, i) for i in range(2)]
        a, b = (q if t is None else look_up(t, q) for q, t in zip(qs, tables, strict=True))
        return ((np.maximum if self.is_max else np.minimum)(a, b),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        way = operands(self, g)
        scalar = scalar_call(self, g, way, target)
        if scalar is not None:
            return (scalar,)

        def field(name: str, i: int) -> tuple[str, Value]:
            table = self._table(g, i)
            return name, 0 if table is None else lut_blob(table, name)

        kernel = plain.pick(plain.MINMAX, target)
        return (broadcast_call(self, g, way, kernel, "eq_minmax_s8_t", (
            ("is_max", int(self.is_max)), field("a_table", way.full),
            field("b_table", way.other))),)
