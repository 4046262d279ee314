"""Early slices: what is cut off a result is not computed at all."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from edgeq.ir import Graph, Tensor
from edgeq.ops.base import Op, Shape
from edgeq.ops.dense import Dense
from edgeq.ops.elementwise import Binary
from edgeq.ops.gather import Cut, Slice
from edgeq.ops.layer_norm import LayerNorm
from edgeq.ops.lut import Unary
from edgeq.ops.matmul import MatMul
from edgeq.ops.reshape import Reshape
from edgeq.ops.softmax import Softmax

Cuts = tuple[Cut, ...]


def early_slice(graph: Graph) -> Graph:
    """`graph` with slices in front of what computes every row by itself, where only they read it.

    A transformer that reads off its class token needs the other tokens of its last block for
    keys and values only; the token alone also gets quantization parameters of its own.
    """
    while True:
        for cut in graph.ops:
            moved = _moved(graph, cut) if isinstance(cut, Slice) else None
            if moved is not None:
                graph = moved
                break
        else:
            return graph


def _moved(g: Graph, cut: Slice) -> Graph | None:
    """`g` with `cut` in front of the operator that it reads; None where that cannot be."""
    source = g.tensor(cut.ins[0])
    op = g.producer(source.name)
    if (op is None or g.consumers(source.name) != (cut,) or source.name in g.outs
            or len(op.outs) != 1 or g.tensor(cut.outs[0]).size >= source.size):
        return None
    wanted = _before(g, op, cut.cuts)
    if wanted is None:
        return None
    ins = list(op.ins)
    for i, cuts in enumerate(wanted):
        if cuts is not None:
            g, ins[i] = _sliced(g, ins[i], cuts)
    return _put(g, op, cut, tuple(ins))


def _put(g: Graph, op: Op, cut: Slice, ins: tuple[str, ...]) -> Graph:
    """`g` with `op` on cut inputs in the place of `op` and `cut`."""
    out, shape = g.tensor(cut.outs[0]), tuple(c.size for c in cut.cuts)
    if isinstance(op, Reshape):
        op = replace(op, to=shape)
    name = out.name if out.shape == shape else f"{out.name}/whole"
    made: list[Op] = [replace(op, ins=ins, outs=(name,))]
    if name != out.name:  # the slice drops axes of size 1
        made.append(Reshape(name=cut.name, ins=(name,), outs=cut.outs, to=out.shape))
    ops = [new for o in g.ops if o.outs != (cut.ins[0],)
           for new in (made if o is cut else [o])]
    tensors = {**g.tensors, name: Tensor(name, shape, None, g.tensor(cut.ins[0]).q)}
    return g.replace(tensors=tensors, ops=tuple(ops)) if name != out.name else g.replace(
        ops=tuple(ops))


def _sliced(g: Graph, name: str, cuts: Cuts) -> tuple[Graph, str]:
    """`g` with `name` cut, right where it is made, and the cut tensor's name."""
    whole = g.tensor(name)
    if all(c == Cut(0, n, 1) for c, n in zip(cuts, whole.shape, strict=True)):
        return g, name
    for op in g.ops:
        if isinstance(op, Slice) and op.ins == (name,) and op.cuts == cuts and not op.drop:
            return _first(g, op), op.outs[0]
    made, shape = _fresh(g, name), tuple(c.size for c in cuts)
    if whole.data is not None:
        data = np.ascontiguousarray(whole.data[tuple(c.of() for c in cuts)])
        return replace(g, tensors={**g.tensors, made: Tensor(made, shape, data, whole.q)}), made
    op = Slice(name=made, ins=(name,), outs=(made,), cuts=cuts)
    g = g.replace(tensors={**g.tensors, made: Tensor(made, shape, None, whole.q)},
                  ops=(*g.ops, op))
    return _first(g, op), made


def _first(g: Graph, op: Op) -> Graph:
    """`g` with `op` as soon as its input is there."""
    rest = [o for o in g.ops if o is not op]
    at = next((i + 1 for i, o in enumerate(rest) if op.ins[0] in o.outs), 0)
    return g.replace(ops=(*rest[:at], op, *rest[at:]))


def _fresh(g: Graph, name: str) -> str:
    n = 1
    while f"{name}/part{n}" in g.tensors:
        n += 1
    return f"{name}/part{n}"


# what an operator's inputs must be cut to


def _before(g: Graph, op: Op, cuts: Cuts) -> tuple[Cuts | None, ...] | None:
    """Cuts of the inputs of `op`, None for those that stay; None where rows depend on others."""
    shapes = [g.tensor(n).shape for n in op.ins]
    out = g.tensor(op.outs[0]).shape
    if isinstance(op, Unary):
        return (cuts,)
    if isinstance(op, Binary):
        return tuple(_under(s, cuts) for s in shapes)
    whole = [c == Cut(0, n, 1) for c, n in zip(cuts, out, strict=True)]
    if isinstance(op, LayerNorm):
        fits = all(whole[len(out) - len(shapes[1]):])
        return (cuts, None, None) if fits else None
    if isinstance(op, Softmax):
        return (cuts,) if whole[-1] else None
    if isinstance(op, Dense):
        fits = op.keep_dims and whole[-1] and len(out) > 2
        return ((*cuts[:-1], Cut(0, shapes[0][-1], 1)), None, None) if fits else None
    if isinstance(op, MatMul):
        return _of_product(op, shapes, cuts, whole)
    return _of_reshape(shapes[0], out, cuts, whole) if isinstance(op, Reshape) else None


def _under(shape: Shape, cuts: Cuts) -> Cuts:
    """The cuts of an operand that repeats along its axes of size 1."""
    own = cuts[len(cuts) - len(shape):]
    return tuple(Cut(0, 1, 1) if n == 1 else c for n, c in zip(shape, own, strict=True))


def _of_product(op: MatMul, shapes: list[Shape], cuts: Cuts,
                whole: list[bool]) -> tuple[Cuts | None, ...] | None:
    rank = len(cuts)
    rows, columns = op.y_axes.index(rank - 2), op.y_axes.index(rank - 1)
    if not all(w for i, w in enumerate(whole) if i not in (rows, columns)):
        return None
    found = []
    for shape, axis, cut in zip(shapes, (op.a_axes[-2], op.b_axes[-1]),
                                (cuts[rows], cuts[columns]), strict=True):
        found.append(tuple(cut if i == axis else Cut(0, n, 1) for i, n in enumerate(shape)))
    return tuple(found)


def _of_reshape(before: Shape, after: Shape, cuts: Cuts,
                whole: list[bool]) -> tuple[Cuts | None, ...] | None:
    """Axes that are cut must be there before, with as many values in front of them."""
    found = [Cut(0, n, 1) for n in before]
    for i, cut in enumerate(cuts):
        if whole[i]:
            continue
        same = [j for j, n in enumerate(before)
                if n == after[i] and prod(before[:j]) == prod(after[:i])]
        if not same or same[0] == 0:
            return None
        found[same[0]] = cut
    return (tuple(found),)
