"""Logic: and, or, exclusive or of two truth values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from edgeq.ops.base import Integers, Op, Rule
from edgeq.ops.compare import Compare
from edgeq.ops.minmax import MinMax
from edgeq.readers.node import TfliteNode


@dataclass(frozen=True, kw_only=True)
class Logic(MinMax):
    """y = a and b, or a or b (`is_max`), of 0 and 1: the smaller or the larger one."""

    truth_ins: ClassVar[tuple[int, ...]] = (0, 1)
    tflite_names: ClassVar[tuple[str, ...]] = ("LOGICAL_AND", "LOGICAL_OR")

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        return cls(name=node.name, ins=node.ins, outs=node.outs, is_max=node.kind == "LOGICAL_OR")

    def rule(self) -> Rule:
        return Integers(8)


@dataclass(frozen=True, kw_only=True)
class Xor(Compare):
    """y = 1 where one of a and b, which are 0 and 1, is 1 and the other is not."""

    less: bool = True
    equal: bool = False
    greater: bool = True

    truth_ins: ClassVar[tuple[int, ...]] = (0, 1)
    tflite_names: ClassVar[tuple[str, ...]] = ()
