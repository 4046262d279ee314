"""Compare: less, equal, greater and their unions of two operands, as 0 and 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgeq.board import Target
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.kernels import plain
from edgeq.ops.base import Integers, Limit, Op, Rule, Shape
from edgeq.ops.broadcast import broadcast_shape
from edgeq.ops.elementwise import Binary, broadcast_call, operands, scalar_call
from edgeq.ops.lut import Unary
from edgeq.plan import Call
from edgeq.readers.node import TfliteNode
from edgeq.requant import quantize_multiplier, requantize

_KINDS = {"LESS": (True, False, False), "LESS_EQUAL": (True, True, False),
          "EQUAL": (False, True, False), "NOT_EQUAL": (True, False, True),
          "GREATER_EQUAL": (False, True, True), "GREATER": (False, False, True)}


def _large_scale(op: Op, g: Graph) -> str:
    assert isinstance(op, Compare)
    scales = [q.scale for q in (g.tensor(n).q for n in op.ins) if q is not None]
    large = op.in_real_steps and any(float(s) >= 1 for s in scales)
    return f"a scale of {max(float(s) for s in scales):g}" if large else ""


@dataclass(frozen=True, kw_only=True)
class Compare(Op):
    """y = 1 where a < b and `less`, a = b and `equal`, or a > b and `greater`, else 0.

    The operands are compared in steps of 1/256 of the larger scale; where `in_real_steps`, as
    TensorFlow Lite does, in steps of 1/256 (small scales then fall together).
    """

    less: bool
    equal: bool
    greater: bool
    in_real_steps: bool = False

    tflite_names: ClassVar[tuple[str, ...]] = tuple(_KINDS)
    limits: ClassVar[tuple[Limit, ...]] = (
        *Binary.limits,
        Limit("scales below 1 in a quantized file", _large_scale, "check the scales"),
    )

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        less, equal, greater = _KINDS[node.kind]
        return cls(name=node.name, ins=node.ins, outs=node.outs, less=less, equal=equal,
                   greater=greater, in_real_steps=node.tensors[node.ins[0]].q is not None)

    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        return (broadcast_shape(self.name, *ins),)

    def rule(self) -> Rule:
        return Integers(8)

    def _true(self, order: NDArray[np.generic]) -> NDArray[np.bool_]:
        return np.asarray(((order == -1) & self.less) | ((order == 0) & self.equal)
                          | ((order == 1) & self.greater))

    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        return (self._true(np.sign(xs[0] - xs[1])).astype(np.float32),)

    def _factors(self, g: Graph) -> list[tuple[int, int]]:
        scales = [float(g.tensor(n).params.scale) for n in self.ins]
        unit = 1.0 if self.in_real_steps else max(scales) * 2.0
        return [quantize_multiplier(s / unit) for s in scales]

    def _term(self, g: Graph, i: int, q: IntArray) -> NDArray[np.int64]:
        wide = q.astype(np.int64) - int(g.tensor(self.ins[i]).params.zero)
        return requantize(wide << self._left(), *self._factors(g)[i])

    def _left(self) -> int:
        """How far operands are shifted to the left before they are rescaled."""
        return 8 if self.in_real_steps else 20

    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        a, b = (self._term(g, i, q) for i, q in enumerate(qs))
        return (self._true(np.sign(a - b)).astype(np.int8),)

    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        way = operands(self, g)
        scalar = scalar_call(self, g, way, target)
        if scalar is not None:
            return (scalar,)
        i, j = way.full, way.other
        factors, zeros = self._factors(g), [int(g.tensor(n).params.zero) for n in self.ins]
        less, greater = (self.less, self.greater) if i == 0 else (self.greater, self.less)
        return (broadcast_call(
            self, g, way, plain.pick(plain.COMPARE, target), "eq_compare_s8_t",
            (("a_zero", zeros[i]), ("b_zero", zeros[j]), ("left", self._left()),
             ("less", int(less)), ("equal", int(self.equal)), ("greater", int(greater)),
             ("a_shift", factors[i][1]), ("b_shift", factors[j][1]),
             ("a_mult", factors[i][0]), ("b_mult", factors[j][0]))),)


@dataclass(frozen=True, kw_only=True)
class LogicalNot(Unary):
    """y = 1 where x is 0, else 0."""

    truth_ins: ClassVar[tuple[int, ...]] = (0,)
    tflite_names: ClassVar[tuple[str, ...]] = ("LOGICAL_NOT",)

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        return cls(name=node.name, ins=node.ins, outs=node.outs)

    def fn(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(x == 0, np.float64)

    def rule(self) -> Rule:
        return Integers(8)
