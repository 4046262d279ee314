"""Terms of masks: values that are 0 or leave something out, as truth values that say which."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import Array, Graph, Tensor, unused
from edgeq.ops.base import Integers, Op, SameAsInput, Shape
from edgeq.ops.compare import Compare, LogicalNot
from edgeq.ops.concat import Concat
from edgeq.ops.elementwise import Add, Mul, Sub
from edgeq.ops.expand import Expand
from edgeq.ops.gather import Slice, Transpose
from edgeq.ops.logic import Logic
from edgeq.ops.minmax import MinMax
from edgeq.ops.reshape import Reshape
from edgeq.ops.select import Select

# e^-50 times any value that is kept is nothing even in float32, where scores differ by less
LEFT_OUT = -50.0


@dataclass(frozen=True)
class Mask:
    """A tensor that is 0 where a value is left out; `finite` where the file adds a number there."""

    name: str
    finite: bool


def aligned(shape: Shape, rank: int) -> Shape:
    """`shape` with axes of size 1 in front."""
    return (1,) * (rank - len(shape)) + shape


class Terms:
    """The tensors and operators of a graph to come, and the masks found so far, by tensor."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tensors = dict(graph.tensors)
        self.ops: list[Op] = []
        self.found: dict[str, Mask | None] = {}

    # what is put in place

    def fresh(self, base: str) -> str:
        return unused(base, self.tensors)

    def emit(self, op: Op) -> str:
        """Add `op`; gives its output's name."""
        (shape,) = op.shape(*(self.tensors[n].shape for n in op.ins))
        self.tensors[op.outs[0]] = Tensor(op.outs[0], shape)
        self.ops.append(op)
        return op.outs[0]

    def constant(self, base: str, data: Array) -> str:
        name = self.fresh(base)
        self.tensors[name] = Tensor(name, data.shape, np.ascontiguousarray(data, np.float32))
        return name

    def inverted(self, name: str) -> str:
        """1 where `name` is 0."""
        data = self.tensors[name].data
        if data is not None:
            return self.constant(f"{name}/not", data == 0)
        out = self.fresh(f"{name}/not")
        return self.emit(LogicalNot(name=out, ins=(name,), outs=(out,)))

    def both(self, a: str, b: str) -> str:
        """a and b."""
        one, two = self.tensors[a].data, self.tensors[b].data
        if one is not None and two is not None:
            return self.constant(f"{a}/and", (one != 0) & (two != 0))
        out = self.fresh(f"{a}/and")
        return self.emit(Logic(name=out, ins=(a, b), outs=(out,), is_max=False))

    def condition(self, name: str, turned: bool, finite: bool) -> Mask:
        """The mask that keeps where the condition `name` holds, or where it does not."""
        return Mask(self.inverted(name) if turned else name, finite)

    # constants

    def numbers(self, name: str) -> NDArray[np.float64] | None:
        """The data of the constant `name`."""
        data = self.graph.tensor(name).data
        return None if data is None else np.asarray(data, np.float64)

    def all_masked(self, name: str) -> bool | None:
        """Whether the numbers are finite of a constant that leaves everything out, else None."""
        data = self.numbers(name)
        if data is None or not data.size or not (data <= LEFT_OUT).all():
            return None
        return bool(np.isfinite(data).all())

    def split(self, name: str) -> tuple[str, Mask] | None:
        """(bias, mask) of a constant that leaves some out and adds something to the others."""
        data = self.numbers(name)
        if data is None or not (data <= LEFT_OUT).any():
            return None
        keep = data > LEFT_OUT
        bias = self.constant(f"{name}/bias", np.where(keep, data, 0))
        finite = bool(np.isfinite(data).all())
        return bias, Mask(self.constant(f"{name}/kept", keep), finite)

    # what is computed

    def mask_of(self, name: str) -> Mask | None:
        """The mask that `name` is when it is added; None where it is something else."""
        if name not in self.found:
            self.found[name] = self._mask_of(name)
        return self.found[name]

    def _mask_of(self, name: str) -> Mask | None:
        data = self.numbers(name)
        if data is not None:
            keep = data > LEFT_OUT
            if keep.all() or (data[keep] != 0).any():
                return None
            return Mask(self.constant(f"{name}/kept", keep), bool(np.isfinite(data).all()))
        op = self.graph.producer(name)
        match op:
            case Reshape() | Transpose() | Slice() | Expand() | Concat():
                return self.moved(op)
            case Select():
                return self.chosen(op)
            case MinMax() if op.is_max:
                return self.limited(op)
            case Add():
                masks = [self.mask_of(n) for n in op.ins]
                if masks[0] is not None and masks[1] is not None:
                    return Mask(self.both(masks[0].name, masks[1].name),
                                masks[0].finite and masks[1].finite)
        return self.scaled(name)

    def moved(self, op: Op) -> Mask | None:
        """The mask behind an operator that only moves values."""
        masks = [self.mask_of(n) for n in op.ins]
        kept = [m for m in masks if m is not None]
        if len(kept) < len(masks):
            return None
        out = self.fresh(f"{op.outs[0]}/kept")
        self.emit(replace(op, name=out, ins=tuple(m.name for m in kept), outs=(out,)))
        return Mask(out, all(m.finite for m in kept))

    def limited(self, op: MinMax) -> Mask | None:
        """The larger one of a mask and a number that leaves everything out."""
        for name, other in (op.ins, op.ins[::-1]):
            if self.all_masked(other) and self.tensors[other].size == 1:
                mask = self.mask_of(name)
                return None if mask is None else replace(mask, finite=True)
        return None

    def chosen(self, op: Select) -> Mask | None:
        """A choice between a number that leaves everything out, and 0 or another mask."""
        condition, a, b = op.ins
        for other, rest, turned in ((b, a, False), (a, b, True)):
            finite = self.all_masked(other)
            if finite is None:
                continue
            data = self.graph.tensor(rest).data
            if (data is not None and not data.any()) or (turned and self.is_zero(condition, rest)):
                return self.condition(condition, turned, finite)
            mask = self.mask_of(rest)
            if mask is not None:
                choice = self.condition(condition, turned, finite)
                return Mask(self.both(choice.name, mask.name), finite and mask.finite)
        return None

    def is_zero(self, condition: str, name: str) -> bool:
        """Whether `condition` is a test of `name` for other values than 0."""
        test = self.graph.producer(condition)
        if not isinstance(test, Compare) or test.equal or not (test.less and test.greater):
            return False
        return name in test.ins and any(
            data is not None and not data.any()
            for data in (self.graph.tensor(n).data for n in test.ins))

    def scaled(self, name: str) -> Mask | None:
        """a * t + b of a truth value t: (1 - t) * -10000."""
        factor, offset = 1.0, 0.0
        while not self.is_truth(name):
            op = self.graph.producer(name)
            if not isinstance(op, Add | Sub | Mul):
                if not isinstance(op, Reshape) or op.ins[0] == name:
                    return None
                if self.graph.tensor(op.ins[0]).shape != op.to:
                    return None
                name = op.ins[0]
                continue
            at = next((i for i in (0, 1) if self.graph.tensor(op.ins[i]).is_const), None)
            if at is None or self.graph.tensor(op.ins[at]).size != 1:
                return None
            value, name = float(self.graph.const(op.ins[at]).reshape(-1)[0]), op.ins[1 - at]
            if isinstance(op, Mul):
                factor *= value
            elif isinstance(op, Add):
                offset += factor * value
            elif at == 0:  # value - t
                factor, offset = -factor, offset + factor * value
            else:
                offset -= factor * value
        if not np.isfinite(factor + offset):
            return None
        ends = offset, factor + offset  # for t = 0 and for t = 1
        small = 1e-3 * abs(factor) if abs(factor) < 1e6 else abs(factor) * 1e-6
        for turned, (out, kept) in ((False, ends), (True, ends[::-1])):
            if out <= LEFT_OUT and abs(kept) <= small:
                return self.condition(name, turned, True)
        return None

    def is_truth(self, name: str) -> bool:
        """Whether `name` holds 0 and 1: a model input, or the result of a test."""
        if name in self.graph.ins:
            return True
        op = self.graph.producer(name)
        if op is None:
            return False
        rule = op.rule()
        if isinstance(rule, SameAsInput):
            return self.is_truth(op.ins[rule.index])
        return isinstance(rule, Integers) and rule.bits == 8

    def regrouped(self, mask: Mask, before: Shape, after: Shape) -> Mask | None:
        """`mask` of values of shape `before` for the same values under the shape `after`."""
        tensor = self.tensors[mask.name]
        shape = aligned(tensor.shape, len(before))
        if tensor.data is not None:
            data = np.broadcast_to(tensor.data.reshape(shape), before).reshape(after)
            return replace(mask, name=self.constant(f"{mask.name}/shape", data))
        if shape == before:
            to = after
        elif prod(shape[:-2]) == 1 and shape[-2] in (1, before[-2]) and (
                before[-2:] == after[-2:]):
            to = (1,) * (len(after) - 2) + shape[-2:]
        else:
            return None
        out = self.fresh(f"{mask.name}/shape")
        return replace(mask, name=self.emit(Reshape(name=out, ins=(mask.name,), outs=(out,),
                                                    to=to)))
