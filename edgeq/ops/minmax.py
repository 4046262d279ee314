"""Minimum and Maximum of two operands, one of which may repeat over the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray, QuantParams, same_params
from edgeq.kernels import plain
from edgeq.ops.base import Limit, Op, Shape
from edgeq.ops.broadcast import broadcast_shape
from edgeq.ops.elementwise import Binary, Operands, broadcast_call, operands, scalar_call
from edgeq.ops.lut import look_up, lut_blob
from edgeq.ops.requantize import multiplier, requantize_table, requantized
from edgeq.plan import Call, Value
from edgeq.readers.node import TfliteNode


@dataclass(frozen=True, kw_only=True)
class MinMax(Op):
    """y = min(a, b) or max(a, b); operands with other parameters than y are requantized first."""

    is_max: bool

    tflite_names: ClassVar[tuple[str, ...]] = ("MINIMUM", "MAXIMUM")
    unifies: ClassVar[bool] = True
    wide: ClassVar[bool] = True
    limits: ClassVar[tuple[Limit, ...]] = Binary.limits

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        return cls(name=node.name, ins=node.ins, outs=node.outs, is_max=node.kind == "MAXIMUM")

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        return (broadcast_shape(self.name, *ins),)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return ((np.maximum if self.is_max else np.minimum)(*xs),)

    def _own(self, g: Graph, i: int) -> tuple[QuantParams, QuantParams] | None:
        """The parameters of operand i and of the output; None where they are the same."""
        q_in, q_out = g.tensor(self.ins[i]).params, g.tensor(self.outs[0]).params
        return None if same_params(q_in, q_out) else (q_in, q_out)

    def _table(self, g: Graph, i: int) -> IntArray | None:
        """From operand i to the output's parameters; None where they are the same."""
        own = self._own(g, i)
        return None if own is None else requantize_table(*own)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        if g.tensor(self.outs[0]).params.bits == 16:
            pairs = [self._own(g, i) for i in range(2)]
            a, b = (q if p is None else requantized(q, *p) for q, p in zip(qs, pairs, strict=True))
        else:
            tables = [self._table(g, i) for i in range(2)]
            a, b = (q if t is None else look_up(t, q) for q, t in zip(qs, tables, strict=True))
        return ((np.maximum if self.is_max else np.minimum)(a, b),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        way = operands(self, g)
        if g.tensor(self.outs[0]).params.bits == 16:
            return (self._wide_call(g, way),)
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

    def _wide_call(self, g: Graph, way: Operands) -> Call:
        """The call with 16-bit activations."""
        own = [self._own(g, i) for i in (way.full, way.other)]
        (a, a_shift), (b, b_shift) = ((0, 0) if p is None else multiplier(*p) for p in own)
        return broadcast_call(
            self, g, way, plain.portable("eq_minmax_s16"), "eq_minmax_s16_t",
            (("is_max", int(self.is_max)), ("a_shift", a_shift), ("b_shift", b_shift),
             ("a_mult", a), ("b_mult", b)))
