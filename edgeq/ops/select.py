"""Select: one of two operands, value by value, as a condition says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeq.board import Target
from edgeq.errors import ModelError
from edgeq.ir import FloatArray, Graph, IntArray, Tensor, same_params
from edgeq.kernels import plain
from edgeq.ops.base import Limit, Op, Shape
from edgeq.ops.broadcast import broadcast_shape
from edgeq.ops.lut import look_up, lut_blob
from edgeq.ops.requantize import requantize_table
from edgeq.plan import Call, Value
from edgeq.readers.node import TfliteNode


def _high_rank(op: Op, g: Graph) -> str:
    rank = len(g.tensor(op.outs[0]).shape)
    return "" if rank <= 5 else f"{rank} axes"


@dataclass(frozen=True, kw_only=True)
class Select(Op):
    """y = a where the condition is not 0, else b; the operands broadcast.

    Inputs: condition, a, b. Operands with other parameters than y are requantized.
    """

    tflite_names: ClassVar[tuple[str, ...]] = ("SELECT", "SELECT_V2")
    truth_ins: ClassVar[tuple[int, ...]] = (0,)
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("at most four axes behind the batch", _high_rank, "merge axes before"),)

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        if len(node.ins) != 3:
            raise ModelError(node.name, f"{len(node.ins)} inputs", "a condition and two operands",
                             "export the model again")
        ins, condition = node.ins, node.tensors[node.ins[0]]
        if condition.data is not None and all(node.tensors[n].q is None for n in ins):
            name = f"{node.name}/condition"
            real = np.asarray(condition.data, np.float32)
            node.tensors[name] = Tensor(name, condition.shape, real)
            ins = (name, *ins[1:])
        return cls(name=node.name, ins=ins, outs=node.outs)

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        return (broadcast_shape(self.name, *ins),)

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return (np.where(xs[0] != 0, xs[1], xs[2]).astype(np.float32),)

    def _table(self, g: Graph, i: int) -> IntArray | None:
        """From operand i to the output's parameters; None where they are the same."""
        q_in, q_out = g.tensor(self.ins[i]).params, g.tensor(self.outs[0]).params
        return None if same_params(q_in, q_out) else requantize_table(q_in, q_out)

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        tables = [self._table(g, i) for i in (1, 2)]
        a, b = (q if t is None else look_up(t, q) for q, t in zip(qs[1:], tables, strict=True))
        return (np.where(qs[0] != int(g.tensor(self.ins[0]).params.zero), a, b),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        sizes = (1, 1, 1, 1, *g.tensor(self.outs[0]).shape)[-4:]
        fields: list[tuple[str, Value]] = [(f"n{i}", n) for i, n in enumerate(sizes)]
        for role, name in zip("cab", self.ins, strict=True):
            shape = (1, 1, 1, 1, *g.tensor(name).shape)[-4:]
            step = 1
            strides = [0] * 4
            for i in reversed(range(4)):
                strides[i] = step if shape[i] > 1 else 0
                step *= shape[i]
            fields += [(f"{role}{i}", s) for i, s in enumerate(strides)]
        fields.append(("c_zero", int(g.tensor(self.ins[0]).params.zero)))
        for role, i in (("a_table", 1), ("b_table", 2)):
            table = self._table(g, i)
            fields.append((role, 0 if table is None else lut_blob(table, role)))
        kernel = plain.pick(plain.SELECT, target)
        return (Call(name=self.name, op="Select", func=kernel.func, struct="eq_select_s8_t",
                     fields=tuple(fields), ins=self.ins, outs=self.outs, sources=kernel.sources,
                     overlap=(None, None, None)),)
