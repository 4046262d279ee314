"""Channels last: transposes of a graph in another axis order sink, cancel and mostly vanish.

A graph that was read from (n, c, h, w) has a transpose before and behind every operator that
works on (n, h, w, c). The pass walks through the operators and keeps for every tensor a `Form`:
which tensor holds its values, and in which order. Transposes and reshapes then only change
forms; operators that do not care about the order work on the values as they lie; the rest is
brought into order where it is needed, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from edgeq.ir import Graph
from edgeq.ops.base import Op, Shape
from edgeq.ops.broadcast import broadcast_of
from edgeq.ops.compare import Compare
from edgeq.ops.concat import Concat, Pack
from edgeq.ops.dense import Dense
from edgeq.ops.elementwise import Binary
from edgeq.ops.gather import Cut, Slice, Transpose
from edgeq.ops.layer_norm import LayerNorm
from edgeq.ops.lut import Unary
from edgeq.ops.matmul import MatMul, plain_axes
from edgeq.ops.minmax import MinMax
from edgeq.ops.pad import Pad
from edgeq.ops.prelu import PRelu
from edgeq.ops.reduce import Reduce
from edgeq.ops.reshape import Reshape
from edgeq.ops.softmax import Softmax
from edgeq.passes.turn_dense_rows import turn_dense_rows

NEW = -1  # an axis of size 1 that the stored tensor does not have
Axes = tuple[int, ...]

_TO_FIRST = {3: (0, 2, 1), 4: (0, 3, 1, 2)}


@dataclass(frozen=True)
class Form:
    """How a tensor's values lie: axis i of it is axis axes[i] of `stored`, or NEW.

    Axes of `stored` that `axes` leaves out have size 1. With `tail` the tensor is that,
    in row-major order, under the shape `tail`.
    """

    stored: str
    axes: Axes
    tail: Shape | None = None


def channels_last(graph: Graph) -> Graph:
    """An equal graph with as few transposes as the operators' order of axes allows.

    A model input is taken with its channels last where that saves work, and an output is given
    as its values lie; `graph.moved` says for both which axis is where.
    """
    turned: frozenset[str] = frozenset()
    best = _Sinking(graph, turned).run()
    for name in graph.ins:
        if len(graph.tensor(name).shape) in _TO_FIRST:
            other = _Sinking(graph, turned | {name}).run()
            if other.cost < best.cost:
                best, turned = other, turned | {name}
    return turn_dense_rows(best.graph())


class _Sinking:
    """One walk through a graph; `turned` inputs are taken with channels last."""

    def __init__(self, graph: Graph, turned: frozenset[str]) -> None:
        self.source = graph
        self.tensors = dict(graph.tensors)
        self.ops: list[Op] = []
        self.forms: dict[str, Form] = {}
        self.made: dict[tuple[Form, Axes], str] = {}
        self.moved: dict[str, Axes] = {}
        self.cost = 0
        for name in graph.ins:
            shape = graph.tensor(name).shape
            axes = tuple(range(len(shape)))
            if name in turned:
                axes = _TO_FIRST[len(shape)]
                stored = tuple(shape[axes.index(j)] for j in range(len(shape)))
                self.tensors[name] = replace(graph.tensor(name), shape=stored)
                self.moved[name] = axes
            self.forms[name] = Form(name, axes)

    def run(self) -> _Sinking:
        for op in self.source.ops:
            self.step(op)
        self.outs = tuple(self.output(name) for name in self.source.outs)
        return self

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

    # values in some order

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

    # operators

    def step(self, op: Op) -> None:
        if isinstance(op, Transpose):
            self.transpose(op)
        elif isinstance(op, Reshape):
            self.reshape(op)
        elif isinstance(op, Unary):
            form = self.form(op.ins[0])
            self.emit(op, (form.stored,), form.axes, form.tail)
        elif isinstance(op, Binary | Compare | MinMax | PRelu):
            self.elementwise(op)
        elif isinstance(op, Reduce):
            self.reduce(op)
        elif isinstance(op, Pack):
            self.in_order(op)
        elif isinstance(op, Concat):
            self.concat(op)
        elif isinstance(op, Slice):
            self.slice(op)
        elif isinstance(op, Pad):
            self.pad(op)
        elif isinstance(op, Dense):
            self.dense(op)
        elif isinstance(op, MatMul):
            self.matmul(op)
        elif isinstance(op, Softmax) or (
                isinstance(op, LayerNorm) and len(self.tensors[op.ins[1]].shape) == 1):
            self.last_axis(op)
        else:
            self.in_order(op)

    def in_order(self, op: Op) -> None:
        """An operator that wants its inputs in their own order."""
        self.emit(op, [self.plain(n) if n else n for n in op.ins])

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

    def transpose(self, op: Transpose) -> None:
        form = self.whole(op.ins[0])
        self.forms[op.outs[0]] = Form(form.stored, tuple(form.axes[p] for p in op.perm))

    def reshape(self, op: Reshape) -> None:
        form = self.form(op.ins[0])
        seen = replace(form, tail=None)
        new = self.regrouped(seen, op.to)
        if new is None and len(op.to) > 2:
            new = self.regrouped(self.gathered(seen, op.to), op.to)
        self.forms[op.outs[0]] = replace(seen, tail=op.to) if new is None else new

    def gathered(self, form: Form, to: Shape) -> Form:
        """`form` with axes that `to` merges side by side and in order, moved as little as that."""
        stored = self.tensors[form.stored].shape
        groups = [before for before, _ in _groups(self.seen(form), to)]
        groups.sort(key=lambda before: max(form.axes[i] for i in before))  # the last stays last
        front = [i for i, a in enumerate(form.axes) if a == 0 and stored[0] == 1]
        frame = (*front, *(i for before in groups for i in before if i not in front))
        where = {i: j for j, i in enumerate(frame)}
        return Form(self.ordered(form, frame),
                    tuple(where.get(i, NEW) for i in range(len(form.axes))))

    def regrouped(self, form: Form, to: Shape) -> Form | None:
        """`form` under the shape `to` as a form without tail; None where values would mix."""
        shape, stored = self.seen(form), self.tensors[form.stored].shape
        groups = _groups(shape, to)
        blocks: list[tuple[Axes, Axes]] = []
        for before, after in groups:
            axes = tuple(form.axes[i] for i in before)
            between = [a for a in range(min(axes), max(axes)) if stored[a] != 1]
            if list(axes) != sorted(axes) or len(between) != len(axes) - 1:
                return None
            blocks.append((axes, after))
        batch = stored[:1] == (1,) and to[:1] == (1,)  # a batch of 1 stays what it is
        if all(len(axes) == len(after) == 1 for axes, after in blocks):
            where = {after[0]: axes[0] for axes, after in blocks}
            axes = tuple(where.get(i, NEW) for i in range(len(to)))
            return Form(form.stored, (0, *axes[1:]) if batch else axes)
        front = 1 if stored[:1] == (1,) else 0
        new, where = [1] * front, {}
        for _, after in sorted(blocks):
            for i in after:
                where[i] = len(new)
                new.append(to[i])
        axes = tuple(where.get(i, NEW) for i in range(len(to)))
        name = self.reshaped(form.stored, tuple(new))
        return Form(name, (0, *axes[1:]) if batch else axes)

    def elementwise(self, op: Op) -> None:
        """Binary operators: all operands in the order of the one that has the full shape."""
        out = self.source.tensor(op.outs[0]).shape
        forms = [self.whole(n) for n in op.ins]
        full = [f for f, n in zip(forms, op.ins, strict=True)
                if self.shape(f) == out and not self.tensors[n].is_const]
        if not full:
            self.in_order(op)
            return
        lead = min(full, key=lambda f: self._moving(f, forms, out))
        names = [self.like(f, lead, len(out)) for f in forms]
        shape = self.tensors[lead.stored].shape
        self.emit(op, [self.blockwise(n, shape) for n in names], lead.axes)

    def blockwise(self, name: str, full: Shape) -> str:
        """`name`, repeated along as many axes as kernels need to see it as one block of `full`."""
        tensor = self.tensors[name]
        if tensor.size == 1 or broadcast_of(full, tensor.shape) is not None:
            return name
        wide = [i for i, n in enumerate(tensor.shape) if n != 1]
        for axis in range(wide[0], wide[-1]):
            if self.tensors[name].shape[axis] != full[axis]:
                name = self.repeated(name, axis, full[axis])
        return name

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

    def _moving(self, lead: Form, forms: Sequence[Form], out: Shape) -> tuple[int, bool]:
        """Values that would have to move if all lay as `lead` does."""
        def order(f: Form) -> list[int]:
            shape = self.seen(f)
            return [a for a, n in zip(f.axes, shape, strict=True) if n != 1]

        want = np.argsort(order(lead)).tolist()
        moving = sum(prod(self.shape(f)) for f in forms
                     if not self.tensors[f.stored].is_const and self.shape(f) == out
                     and np.argsort(order(f)).tolist() != want)
        return moving, want == sorted(want)

    def like(self, form: Form, lead: Form, rank: int) -> str:
        """`form`, broadcast to `rank` axes, in the order in which `lead` is stored."""
        tensor = self.tensors[form.stored]
        if tensor.is_const and tensor.size == 1:
            return form.stored
        missing = rank - len(form.axes)
        wide = Form(form.stored, (NEW,) * missing + form.axes)
        stored_rank = len(self.tensors[lead.stored].shape)
        frame = tuple(lead.axes.index(j) if j in lead.axes else NEW for j in range(stored_rank))
        return self.ordered(wide, frame)

    def reduce(self, op: Reduce) -> None:
        form = self.whole(op.ins[0])
        stored = self.tensors[form.stored].shape
        axes = sorted(form.axes[i] for i in op.axes if form.axes[i] != NEW)
        axes = [a for a in axes if a != 0 or stored[0] != 1]
        wide = [i for i, n in enumerate(stored) if n != 1]
        held = [wide.index(a) for a in axes if a in wide]
        if held and held != list(range(held[0], held[0] + len(held))):
            kept = [i for i in range(len(form.axes)) if i not in op.axes]
            frame = (*kept, *op.axes)
            form = Form(self.ordered(form, frame), tuple(
                frame.index(i) for i in range(len(form.axes))))
            axes = sorted(form.axes[i] for i in op.axes)
        if 0 in axes:
            form, axes = self.lifted(form), [a + 1 for a in axes]
        kept_axes = tuple(a for i, a in enumerate(form.axes)
                          if op.keep_dims or i not in op.axes)
        if not axes:
            self.forms[op.outs[0]] = Form(form.stored, kept_axes)
            return
        self.emit(replace(op, axes=tuple(axes), keep_dims=True), (form.stored,), kept_axes)

    def concat(self, op: Concat) -> None:
        forms = [self.whole(n) for n in op.ins]
        lead = max(forms, key=lambda f: prod(self.shape(f)))
        if lead.axes[op.axis] == NEW and op.axis > 0 and not self.tensors[lead.stored].is_const:
            lead = self.inserted(lead, op.axis)
        elif lead.axes[op.axis] == NEW or self.tensors[lead.stored].is_const:
            lead = replace(lead, axes=tuple(range(len(lead.axes))), stored=self.plain(op.ins[0]))
        names = [self.like(f, lead, len(f.axes)) for f in forms]
        axis = lead.axes[op.axis]
        if axis == 0:
            names = [self.reshaped(n, (1, *self.tensors[n].shape)) for n in names]
            lead, axis = replace(lead, axes=tuple(
                a if a == NEW else a + 1 for a in lead.axes)), 1
        self.emit(replace(op, axis=axis), names, lead.axes)

    def inserted(self, form: Form, axis: int) -> Form:
        """`form` whose new axis `axis` is stored, right behind the axis before it."""
        order = sorted((i for i in range(len(form.axes)) if form.axes[i] != NEW),
                       key=lambda i: form.axes[i])
        order.insert(order.index(axis - 1) + 1 if axis - 1 in order else len(order), axis)
        where = {i: j for j, i in enumerate(order)}
        return Form(self.ordered(form, tuple(order)),
                    tuple(where.get(i, NEW) for i in range(len(form.axes))))

    def slice(self, op: Slice) -> None:
        form = self.whole(op.ins[0])
        stored = self.tensors[form.stored].shape
        at = {form.axes[i]: cut for i, cut in enumerate(op.cuts) if form.axes[i] != NEW}
        if stored and stored[0] != 1 and at.get(0, Cut(0, stored[0], 1)) != Cut(0, stored[0], 1):
            form = self.lifted(form)
            stored = self.tensors[form.stored].shape
            at = {a + 1: cut for a, cut in at.items()}
        cuts = tuple(at.get(j, Cut(0, n, 1)) for j, n in enumerate(stored))
        axes = tuple(a for i, a in enumerate(form.axes) if i not in op.drop)
        if cuts == tuple(Cut(0, n, 1) for n in stored):
            self.forms[op.outs[0]] = Form(form.stored, axes)
            return
        self.emit(replace(op, cuts=cuts, drop=()), (form.stored,), axes)

    def pad(self, op: Pad) -> None:
        form = self.whole(op.ins[0])
        if any(form.axes[i] == NEW and p != (0, 0) for i, p in enumerate(op.pads)):
            stored = self.plain(op.ins[0])
            form = Form(stored, tuple(range(len(form.axes))))
        at = {form.axes[i]: p for i, p in enumerate(op.pads)}
        if at.get(0, (0, 0)) != (0, 0) or self.tensors[form.stored].shape[:1] != (1,):
            form, at = self.lifted(form), {a + 1: p for a, p in at.items()}
        rank = len(self.tensors[form.stored].shape)
        pads = tuple(at.get(j, (0, 0)) for j in range(rank))
        self.emit(replace(op, pads=pads), (form.stored,), form.axes)

    def last_axis(self, op: Op) -> None:
        """Operators along the last axis: the others may lie in any order."""
        form = self.form(op.ins[0])
        rank = len(self.tensors[form.stored].shape)
        if form.tail is None and form.axes and form.axes[-1] == rank - 1:
            self.emit(op, (form.stored, *op.ins[1:]), form.axes)
        else:
            self.in_order(op)

    def matmul(self, op: MatMul) -> None:
        """Products of matrices, each operand in order behind a batch axis."""
        rank = len(op.y_axes)
        lifted = rank < 3 or self.source.tensor(op.outs[0]).shape[0] != 1
        names = []
        for name, order in zip(op.ins, (op.a_axes, op.b_axes), strict=True):
            form = self.whole(name)
            frame = (NEW,) * (rank + lifted - len(order)) + order
            names.append(self.ordered(form, frame))
        full = plain_axes(rank + lifted)
        new = replace(op, a_axes=full, b_axes=full, y_axes=full)
        self.emit(new, names, tuple(i + lifted for i in op.y_axes))

    def dense(self, op: Dense) -> None:
        """Dense: where it reads a flattened tensor, its weights take that tensor's order."""
        form, weight = self.form(op.ins[0]), self.tensors[op.ins[1]]
        seen = self.seen(form)
        row = weight.shape[-1]
        flat = (form.tail is not None and weight.data is not None and form.axes[:1] == (0,)
                and prod(seen[1:]) == row and len(form.tail) == 2)
        if not flat:
            shape = self.shape(form)
            if op.keep_dims and len(shape) == 2 and shape[0] != 1:  # rows: a batch of 1 in front
                self.emit(op, (self.ordered(form, (NEW, 0, 1)), *op.ins[1:]), (1, 2))
            elif op.keep_dims:
                self.last_axis(op)
            else:
                self.in_order(op)
            return
        assert weight.data is not None
        order = sorted(range(1, len(seen)), key=lambda i: form.axes[i])  # as the values lie
        data = weight.data.reshape(-1, *seen[1:]).transpose(0, *order).reshape(weight.shape)
        name = self.fresh(weight.name)
        self.tensors[name] = replace(weight, name=name, data=np.ascontiguousarray(data))
        x = self.reshaped(form.stored, (seen[0], row))
        self.emit(op, (x, name, *op.ins[2:]))


def _groups(before: Shape, after: Shape) -> list[tuple[Axes, Axes]]:
    """Axes wider than 1 of both shapes in the smallest runs with equal products."""
    left = [i for i, n in enumerate(before) if n != 1]
    right = [i for i, n in enumerate(after) if n != 1]
    groups: list[tuple[Axes, Axes]] = []
    a = b = 0
    while a < len(left):
        i, j = a + 1, b + 1
        have, want = before[left[a]], after[right[b]]
        while have != want:
            if have < want:
                have, i = have * before[left[i]], i + 1
            else:
                want, j = want * after[right[j]], j + 1
        groups.append((tuple(left[a:i]), tuple(right[b:j])))
        a, b = i, j
    return groups
