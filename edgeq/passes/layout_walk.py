"""The walk of the layout pass: which tensor holds each value so far, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgeq.ir import Graph
from edgeq.ops.base import Op, Shape
from edgeq.ops.concat import Concat
from edgeq.ops.gather import Transpose
from edgeq.ops.reshape import Reshape

NEW = -1  # an axis of size 1 that the stored tensor does not have
TO_FIRST = {3: (0, 2, 1), 4: (0, 3, 1, 2)}
Axes = tuple[int, ...]


@dataclass(frozen=True)
class Form:
    """How a tensor's values lie: axis i of it is axis axes[i] of `stored`, or NEW.

    Axes of `stored` that `axes` leaves out have size 1. With `tail` the tensor is that,
    in row-major order, under the shape `tail`.
    """

    stored: str
    axes: Axes
    tail: Shape | None = None


class Walk:
    """One walk through a graph: the new tensors and operators so far, and a form for each old
    tensor; `turned` inputs are taken with channels last.
    """

    def __init__(self, graph: Graph, turned: frozenset[str]) -> None:
        self.source = graph
        self.tensors = dict(graph.tensors)
        self.ops: list[Op] = []
        self.forms: dict[str, Form] = {}
        self.made: dict[tuple[Form, Axes], str] = {}
        self.moved: dict[str, Axes] = {}
        self.cost = 0
        self.outs: tuple[str, ...] = ()
        for name in graph.ins:
            shape = graph.tensor(name).shape
            axes = tuple(range(len(shape)))
            if name in turned:
                axes = TO_FIRST[len(shape)]
                stored = tuple(shape[axes.index(j)] for j in range(len(shape)))
                self.tensors[name] = replace(graph.tensor(name), shape=stored)
                self.moved[name] = axes
            self.forms[name] = Form(name, axes)

    def shape(self, form: Form) -> Shape:
        """The shape of the tensor that `form` describes."""
        return form.tail if form.tail is not None else self.seen(form)

    def seen(self, form: Form) -> Shape:
        """The shape before `tail`."""
        stored = self.tensors[form.stored].shape
        return tuple(1 if a == NEW else stored[a] for a in form.axes)

    def form(self, name: str) -> Form:
        """The form of `name`; constants lie as they are."""
        if name in self.forms:
            return self.forms[name]
        return Form(name, tuple(range(len(self.tensors[name].shape))))

    def whole(self, name: str) -> Form:
        """The form of `name`, without a tail."""
        form = self.form(name)
        if form.tail is None:
            return form
        stored = self.plain(name)
        return Form(stored, tuple(range(len(self.tensors[stored].shape))))

    def lifted(self, form: Form) -> Form:
        """`form` over a stored tensor with one more axis, of size 1, in front."""
        stored = self.reshaped(form.stored, (1, *self.tensors[form.stored].shape))
        return Form(stored, tuple(a if a == NEW else a + 1 for a in form.axes))

    def plain(self, name: str) -> str:
        """The tensor that holds the values of `name` in order."""
        form = self.form(name)
        return self.ordered(form, tuple(range(len(self.shape(form)))))

    def ordered(self, form: Form, frame: Axes) -> str:
        """The tensor whose axis j is axis frame[j] of what `form` describes, or NEW."""
        key = (form, frame)
        if key not in self.made:
            self.made[key] = self._ordered(form, frame)
        return self.made[key]

    def _ordered(self, form: Form, frame: Axes) -> str:
        if form.tail is not None:
            whole = self.ordered(replace(form, tail=None), tuple(range(len(form.axes))))
            name = self.reshaped(whole, form.tail)
            return self.ordered(Form(name, tuple(range(len(form.tail)))), frame)
        tensor = self.tensors[form.stored]
        axes = tuple(NEW if j == NEW else form.axes[j] for j in frame)
        shape = tuple(1 if a == NEW else tensor.shape[a] for a in axes)
        wide = [a for a in axes if a != NEW and tensor.shape[a] != 1]
        if wide == sorted(wide):
            return self.reshaped(form.stored, shape)
        lifted, stored = tensor.shape[0] != 1 and wide[0] != 0, form.stored
        if lifted:  # the batch stays in front: an axis of 1 takes its place
            stored = self.reshaped(stored, (1, *tensor.shape))
            wide = [a + 1 for a in wide]
        rank = len(self.tensors[stored].shape)
        unit = [a for a in range(rank) if a not in wide]
        perm = (0, *(a for a in unit if a), *(a for a in wide if a))
        return self.reshaped(self.transposed(stored, perm), shape)

    def reshaped(self, name: str, to: Shape) -> str:
        tensor = self.tensors[name]
        if tensor.shape == to:
            return name
        out = self.fresh(name)
        if tensor.data is not None:
            self.tensors[out] = replace(tensor, name=out, shape=to, data=tensor.data.reshape(to))
            return out
        self.tensors[out] = replace(tensor, name=out, shape=to)
        self.ops.append(Reshape(name=f"reshape/{out}", ins=(name,), outs=(out,), to=to))
        self.cost += 1
        return out

    def transposed(self, name: str, perm: Axes) -> str:
        tensor, out = self.tensors[name], self.fresh(name)
        shape = tuple(tensor.shape[a] for a in perm)
        if tensor.data is not None:
            data = np.ascontiguousarray(tensor.data.transpose(perm))
            self.tensors[out] = replace(tensor, name=out, shape=shape, data=data)
            return out
        self.tensors[out] = replace(tensor, name=out, shape=shape)
        self.ops.append(Transpose(name=f"transpose/{out}", ins=(name,), outs=(out,), perm=perm))
        self.cost += 1000 * tensor.size
        return out

    def repeated(self, name: str, axis: int, times: int) -> str:
        """`name` with its axis of size 1 `times` as long."""
        tensor, out = self.tensors[name], self.fresh(name)
        shape = (*tensor.shape[:axis], times, *tensor.shape[axis + 1:])
        if tensor.data is not None:
            data = np.ascontiguousarray(np.broadcast_to(tensor.data, shape))
            self.tensors[out] = replace(tensor, name=out, shape=shape, data=data)
            return out
        self.tensors[out] = replace(tensor, name=out, shape=shape)
        self.ops.append(Concat(name=f"repeat/{out}", ins=(name,) * times, outs=(out,), axis=axis))
        return out

    def fresh(self, name: str) -> str:
        n, base = 1, name.split("@")[0]
        while f"{base}@{n}" in self.tensors:
            n += 1
        return f"{base}@{n}"

    def emit(self, op: Op, ins: Sequence[str], axes: Axes | None = None,
             tail: Shape | None = None) -> None:
        """Add `op` on the stored tensors `ins`; its only output then has the form `axes`."""
        new = replace(op, ins=tuple(ins))
        shapes = new.shape(*(self.tensors[n].shape for n in ins))
        for out, shape in zip(op.outs, shapes, strict=True):
            self.tensors[out] = replace(self.tensors[out], shape=shape)
            self.forms[out] = Form(out, tuple(range(len(shape))) if axes is None else axes, tail)
        self.ops.append(new)

    def in_order(self, op: Op) -> None:
        """An operator that wants its inputs in their own order."""
        self.emit(op, [self.plain(n) if n else n for n in op.ins])

    def graph(self) -> Graph:
        """The new graph, its outputs under their old names."""
        names: dict[str, str] = {}
        for old, new in zip(self.source.outs, self.outs, strict=True):
            if old != new:
                if old in self.tensors:
                    names[old] = self.fresh(old)
                names[new] = old
        tensors = {}
        for name, tensor in self.tensors.items():
            new = names.get(name, name)
            tensors[new] = replace(tensor, name=new)
        ops = tuple(replace(op, ins=tuple(names.get(n, n) for n in op.ins),
                            outs=tuple(names.get(n, n) for n in op.outs)) for op in self.ops)
        return replace(self.source, tensors=tensors, ops=ops, moved=self.moved).replace()

    def output(self, name: str) -> str:
        """The tensor that the graph gives as its output `name`."""
        form = self.form(name)
        used = [a for a in form.axes if a != NEW]
        shape = self.seen(form)
        turned = [a for a, n in zip(form.axes, shape, strict=True) if n != 1]
        moves = form.tail is None and turned != sorted(turned)
        if moves and len(used) == len(form.axes) > 2 and used[0] == 0:
            order = tuple(form.axes.index(a) for a in sorted(used))
            self.moved[name] = tuple(order.index(i) for i in range(len(order)))
            return self.own(self.ordered(form, order), name)
        return self.own(self.plain(name), name)

    def own(self, stored: str, name: str) -> str:
        """`stored`, or a copy of it where it cannot take the output's name."""
        taken = stored in self.source.ins or (stored in self.source.outs and stored != name)
        if not taken and not self.tensors[stored].is_const:
            return stored
        out = self.fresh(name)
        self.tensors[out] = replace(self.tensors[stored], name=out, data=None)
        shape = self.tensors[stored].shape
        self.ops.append(Reshape(name=f"output/{out}", ins=(stored,), outs=(out,), to=shape))
        return out
