"""Several operators in the place of one TFLite node."""

from __future__ import annotations

from math import prod

from edgeq.errors import ModelError
from edgeq.ir import QuantParams, Tensor
from edgeq.ops.base import Op, Shape
from edgeq.ops.concat import Concat
from edgeq.ops.gather import Cut, Slice, Transpose
from edgeq.ops.reshape import Reshape
from edgeq.readers.node import TfliteNode

FIX = "export the model again"


class Parts:
    """Operators in the place of one node; every tensor between them has parameters of its own."""

    def __init__(self, node: TfliteNode) -> None:
        self.node = node
        self.ops: list[Op] = []

    def shape(self, name: str) -> Shape:
        return self.node.tensors[name].shape

    def q(self, name: str) -> QuantParams | None:
        return self.node.tensors[name].q

    def label(self) -> str:
        return f"{self.node.name}_{len(self.ops)}" if self.ops else self.node.name

    def temp(self) -> str:
        return f"{self.node.name}/{len(self.ops)}"

    def emit(self, op: Op, q: QuantParams | None) -> str:
        """Add `op`, whose output is new and has the parameters `q`."""
        (shape,) = op.shape(*(self.shape(n) for n in op.ins))
        self.node.tensors[op.outs[0]] = Tensor(op.outs[0], shape, None, q)
        self.ops.append(op)
        return op.outs[0]

    def reshaped(self, x: str, to: Shape) -> str:
        return self.emit(Reshape(name=self.label(), ins=(x,), outs=(self.temp(),), to=to),
                         self.q(x))

    def transposed(self, x: str, perm: tuple[int, ...]) -> str:
        return self.emit(Transpose(name=self.label(), ins=(x,), outs=(self.temp(),), perm=perm),
                         self.q(x))

    def sliced(self, x: str, axis: int, cut: Cut) -> str:
        if axis == 0:  # where a file has time, not the batch, in front
            part = self.sliced(self.reshaped(x, (1, *self.shape(x))), 1, cut)
            return self.reshaped(part, self.shape(part)[1:])
        cuts = [Cut(0, size, 1) for size in self.shape(x)]
        cuts[axis] = cut
        return self.emit(Slice(name=self.label(), ins=(x,), outs=(self.temp(),),
                               cuts=tuple(cuts)), self.q(x))

    def joined(self, parts: list[str], axis: int) -> str:
        if len(parts) == 1:
            return parts[0]
        if axis == 0:
            whole = self.joined([self.reshaped(x, (1, *self.shape(x))) for x in parts], 1)
            return self.reshaped(whole, self.shape(whole)[1:])
        return self.emit(Concat(name=self.label(), ins=tuple(parts), outs=(self.temp(),),
                                axis=axis), self.q(parts[0]))

    def done(self, x: str) -> tuple[Op, ...]:
        """All operators, `x` under the name of the node's output."""
        out = self.node.outs[0]
        want = self.shape(out)
        if prod(want) != prod(self.shape(x)):
            raise ModelError(self.node.name, f"gives {self.shape(x)} for an output of {want}",
                             "consistent shapes", FIX)
        view = Reshape(name=self.label(), ins=(x,), outs=(out,), to=want)
        return (*self.ops, view)
