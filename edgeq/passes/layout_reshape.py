"""Reshapes in the layout pass: a view of what is stored wherever no values mix."""

from __future__ import annotations

from dataclasses import replace

from edgeq.ops.base import Shape
from edgeq.ops.reshape import Reshape
from edgeq.passes.layout_walk import NEW, Axes, Form, Walk


def reshape(walk: Walk, op: Reshape) -> None:
    form = walk.form(op.ins[0])
    seen = replace(form, tail=None)
    new = regrouped(walk, seen, op.to)
    if new is None and len(op.to) > 2:
        new = regrouped(walk, gathered(walk, seen, op.to), op.to)
    walk.forms[op.outs[0]] = replace(seen, tail=op.to) if new is None else new


def gathered(walk: Walk, form: Form, to: Shape) -> Form:
    """`form` with axes that `to` merges side by side and in order, moved as little as that."""
    stored = walk.tensors[form.stored].shape
    groups = [before for before, _ in _groups(walk.seen(form), to)]
    groups.sort(key=lambda before: max(form.axes[i] for i in before))  # the last stays last
    front = [i for i, a in enumerate(form.axes) if a == 0 and stored[0] == 1]
    frame = (*front, *(i for before in groups for i in before if i not in front))
    where = {i: j for j, i in enumerate(frame)}
    return Form(walk.ordered(form, frame),
                tuple(where.get(i, NEW) for i in range(len(form.axes))))


def regrouped(walk: Walk, form: Form, to: Shape) -> Form | None:
    """`form` under the shape `to` as a form without tail; None where values would mix."""
    shape, stored = walk.seen(form), walk.tensors[form.stored].shape
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
    name = walk.reshaped(form.stored, tuple(new))
    return Form(name, (0, *axes[1:]) if batch else axes)


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
