"""Graphs of single operators side by side, for trials of all of them in one library."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import QuantParams, Tensor
from edgeq.ops.base import Fixed, Integers, Op, SameAsInput


class Builder:
    """A graph of operators that all read the inputs, or what others gave."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.ops: list[Op] = []
        self.rng = np.random.default_rng(5)

    def tensor(self, name: str, shape: tuple[int, ...], q: QuantParams,
               data: NDArray[np.signedinteger] | None = None) -> str:
        self.tensors[name] = Tensor(name, shape, data, q)
        return name

    def add(self, kind: type[Op], ins: tuple[str, ...], q: QuantParams | None = None,
            **fields: object) -> str:
        """The first output of a new operator; `q` where its rule leaves a choice."""
        name = f"n{len(self.ops)}_{kind.__name__.lower()}"
        op = kind(name=name, ins=ins, outs=(name,), **fields)
        shapes = op.shape(*(self.tensors[n].shape for n in ins))
        names = (name, *(f"{name}_{i}" for i in range(1, len(shapes))))
        op = kind(name=name, ins=ins, outs=names, **fields)
        for i, (out, shape) in enumerate(zip(names, shapes, strict=True)):
            self.tensor(out, shape, self.params(op, i, q))
        self.ops.append(op)
        return name

    def params(self, op: Op, i: int, q: QuantParams | None) -> QuantParams:
        rule = op.output_rule(i)
        wide = self.tensors[op.ins[0]].params.bits == 16
        if isinstance(rule, Integers):
            return params(1.0, 0, rule.bits)
        if q is not None:
            return q
        if isinstance(rule, SameAsInput):
            return self.tensors[op.ins[rule.index]].params
        if isinstance(rule, Fixed):
            return params(1 / 32768, 0, 16) if wide else params(rule.scale, rule.zero, rule.bits)
        return params(1e-3, 0, 16) if wide else params(0.07, 9)


def params(scale: float, zero: int, bits: int = 8) -> QuantParams:
    return QuantParams(np.array(scale), np.array(zero, np.int32), bits)
