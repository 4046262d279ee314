"""Operators in the layout pass: each on its inputs as they lie, where it can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from edgeq.ops.base import Op, Shape
from edgeq.ops.broadcast import broadcast_of
from edgeq.ops.concat import Concat
from edgeq.ops.dense import Dense
from edgeq.ops.gather import Cut, Slice, Transpose
from edgeq.ops.matmul import MatMul, plain_axes
from edgeq.ops.pad import Pad
from edgeq.ops.reduce import Reduce
from edgeq.ops.select import Select
from edgeq.passes.layout_walk import NEW, Form, Walk


def elementwise(walk: Walk, op: Op) -> None:
    """Elementwise operators: all operands in the order of the one that has the full shape."""
    out = walk.source.tensor(op.outs[0]).shape
    forms = [walk.whole(n) for n in op.ins]
    full = [f for f, n in zip(forms, op.ins, strict=True)
            if walk.shape(f) == out and not walk.tensors[n].is_const]
    if not full:
        walk.in_order(op)
        return
    lead = min(full, key=lambda f: moving(walk, f, forms, out))
    names = [like(walk, f, lead, len(out)) for f in forms]
    if not isinstance(op, Select):  # which repeats along any axes
        shape = walk.tensors[lead.stored].shape
        names = [blockwise(walk, n, shape) for n in names]
    walk.emit(op, names, lead.axes)


def blockwise(walk: Walk, name: str, full: Shape) -> str:
    """`name`, repeated along as many axes as kernels need to see it as one block of `full`."""
    tensor = walk.tensors[name]
    if tensor.size == 1 or broadcast_of(full, tensor.shape) is not None:
        return name
    wide = [i for i, n in enumerate(tensor.shape) if n != 1]
    for axis in range(wide[0], wide[-1]):
        if walk.tensors[name].shape[axis] != full[axis]:
            name = walk.repeated(name, axis, full[axis])
    return name


def moving(walk: Walk, lead: Form, forms: Sequence[Form], out: Shape) -> tuple[int, bool]:
    """Values that would have to move if all lay as `lead` does."""
    def order(f: Form) -> list[int]:
        shape = walk.seen(f)
        return [a for a, n in zip(f.axes, shape, strict=True) if n != 1]

    want = np.argsort(order(lead)).tolist()
    count = sum(prod(walk.shape(f)) for f in forms
                 if not walk.tensors[f.stored].is_const and walk.shape(f) == out
                 and np.argsort(order(f)).tolist() != want)
    return count, want == sorted(want)


def like(walk: Walk, form: Form, lead: Form, rank: int) -> str:
    """`form`, broadcast to `rank` axes, in the order in which `lead` is stored."""
    tensor = walk.tensors[form.stored]
    if tensor.is_const and tensor.size == 1:
        return form.stored
    missing = rank - len(form.axes)
    wide = Form(form.stored, (NEW,) * missing + form.axes)
    stored_rank = len(walk.tensors[lead.stored].shape)
    frame = tuple(lead.axes.index(j) if j in lead.axes else NEW for j in range(stored_rank))
    return walk.ordered(wide, frame)


def reduce(walk: Walk, op: Reduce) -> None:
    form = walk.whole(op.ins[0])
    stored = walk.tensors[form.stored].shape
    axes = sorted(form.axes[i] for i in op.axes if form.axes[i] != NEW)
    axes = [a for a in axes if a != 0 or stored[0] != 1]
    wide = [i for i, n in enumerate(stored) if n != 1]
    held = [wide.index(a) for a in axes if a in wide]
    if held and held != list(range(held[0], held[0] + len(held))):
        kept = [i for i in range(len(form.axes)) if i not in op.axes]
        frame = (*kept, *op.axes)
        form = Form(walk.ordered(form, frame), tuple(
            frame.index(i) for i in range(len(form.axes))))
        axes = sorted(form.axes[i] for i in op.axes)
    if 0 in axes:
        form, axes = walk.lifted(form), [a + 1 for a in axes]
    kept_axes = tuple(a for i, a in enumerate(form.axes)
                      if op.keep_dims or i not in op.axes)
    if not axes:
        walk.forms[op.outs[0]] = Form(form.stored, kept_axes)
        return
    walk.emit(replace(op, axes=tuple(axes), keep_dims=True), (form.stored,), kept_axes)


def concat(walk: Walk, op: Concat) -> None:
    forms = [walk.whole(n) for n in op.ins]
    lead = max(forms, key=lambda f: prod(walk.shape(f)))
    if lead.axes[op.axis] == NEW and op.axis > 0 and not walk.tensors[lead.stored].is_const:
        lead = inserted(walk, lead, op.axis)
    elif lead.axes[op.axis] == NEW or walk.tensors[lead.stored].is_const:
        lead = replace(lead, axes=tuple(range(len(lead.axes))), stored=walk.plain(op.ins[0]))
    names = [like(walk, f, lead, len(f.axes)) for f in forms]
    axis = lead.axes[op.axis]
    if axis == 0:
        names = [walk.reshaped(n, (1, *walk.tensors[n].shape)) for n in names]
        lead, axis = replace(lead, axes=tuple(
            a if a == NEW else a + 1 for a in lead.axes)), 1
    walk.emit(replace(op, axis=axis), names, lead.axes)


def inserted(walk: Walk, form: Form, axis: int) -> Form:
    """`form` whose new axis `axis` is stored, right behind the axis before it."""
    order = sorted((i for i in range(len(form.axes)) if form.axes[i] != NEW),
                   key=lambda i: form.axes[i])
    order.insert(order.index(axis - 1) + 1 if axis - 1 in order else len(order), axis)
    where = {i: j for j, i in enumerate(order)}
    return Form(walk.ordered(form, tuple(order)),
                tuple(where.get(i, NEW) for i in range(len(form.axes))))


def slice_(walk: Walk, op: Slice) -> None:
    form = walk.whole(op.ins[0])
    stored = walk.tensors[form.stored].shape
    at = {form.axes[i]: cut for i, cut in enumerate(op.cuts) if form.axes[i] != NEW}
    if stored and stored[0] != 1 and at.get(0, Cut(0, stored[0], 1)) != Cut(0, stored[0], 1):
        form = walk.lifted(form)
        stored = walk.tensors[form.stored].shape
        at = {a + 1: cut for a, cut in at.items()}
    cuts = tuple(at.get(j, Cut(0, n, 1)) for j, n in enumerate(stored))
    axes = tuple(a for i, a in enumerate(form.axes) if i not in op.drop)
    if cuts == tuple(Cut(0, n, 1) for n in stored):
        walk.forms[op.outs[0]] = Form(form.stored, axes)
        return
    walk.emit(replace(op, cuts=cuts, drop=()), (form.stored,), axes)


def pad(walk: Walk, op: Pad) -> None:
    form = walk.whole(op.ins[0])
    if any(form.axes[i] == NEW and p != (0, 0) for i, p in enumerate(op.pads)):
        stored = walk.plain(op.ins[0])
        form = Form(stored, tuple(range(len(form.axes))))
    at = {form.axes[i]: p for i, p in enumerate(op.pads)}
    if at.get(0, (0, 0)) != (0, 0) or walk.tensors[form.stored].shape[:1] != (1,):
        form, at = walk.lifted(form), {a + 1: p for a, p in at.items()}
    rank = len(walk.tensors[form.stored].shape)
    pads = tuple(at.get(j, (0, 0)) for j in range(rank))
    walk.emit(replace(op, pads=pads), (form.stored,), form.axes)


def last_axis(walk: Walk, op: Op) -> None:
    """Operators along the last axis: the others may lie in any order."""
    form = walk.form(op.ins[0])
    rank = len(walk.tensors[form.stored].shape)
    if form.tail is None and form.axes and form.axes[-1] == rank - 1:
        walk.emit(op, (form.stored, *op.ins[1:]), form.axes)
    else:
        walk.in_order(op)


def matmul(walk: Walk, op: MatMul) -> None:
    """Products of matrices, each operand in order behind a batch axis."""
    rank = len(op.y_axes)
    lifted = rank < 3 or walk.source.tensor(op.outs[0]).shape[0] != 1
    names = []
    for name, order in zip(op.ins, (op.a_axes, op.b_axes), strict=True):
        form = walk.whole(name)
        frame = (NEW,) * (rank + lifted - len(order)) + order
        names.append(walk.ordered(form, frame))
    full = plain_axes(rank + lifted)
    new = replace(op, a_axes=full, b_axes=full, y_axes=full)
    walk.emit(new, names, tuple(i + lifted for i in op.y_axes))


def dense(walk: Walk, op: Dense) -> None:
    """Dense: where it reads a flattened tensor, its weights take that tensor's order."""
    form, weight = walk.form(op.ins[0]), walk.tensors[op.ins[1]]
    seen = walk.seen(form)
    row = weight.shape[-1]
    flat = (form.tail is not None and weight.data is not None and form.axes[:1] == (0,)
            and prod(seen[1:]) == row and len(form.tail) == 2)
    if not flat:
        shape = walk.shape(form)
        if op.keep_dims and len(shape) == 2 and shape[0] != 1:  # rows: a batch of 1 in front
            walk.emit(op, (walk.ordered(form, (NEW, 0, 1)), *op.ins[1:]), (1, 2))
        elif op.keep_dims:
            last_axis(walk, op)
        else:
            walk.in_order(op)
        return
    assert weight.data is not None
    order = sorted(range(1, len(seen)), key=lambda i: form.axes[i])  # as the values lie
    data = weight.data.reshape(-1, *seen[1:]).transpose(0, *order).reshape(weight.shape)
    name = walk.fresh(weight.name)
    walk.tensors[name] = replace(weight, name=name, data=np.ascontiguousarray(data))
    x = walk.reshaped(form.stored, (seen[0], row))
    walk.emit(op, (x, name, *op.ins[2:]))


def transpose(walk: Walk, op: Transpose) -> None:
    form = walk.whole(op.ins[0])
    walk.forms[op.outs[0]] = Form(form.stored, tuple(form.axes[p] for p in op.perm))
