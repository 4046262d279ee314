"""Product fusion: MatMul reads and writes transposed, and takes constant factors along."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations
from math import prod

import numpy as np

from edgeq.ir import Graph, IntArray, QuantParams, Tensor, same_params
from edgeq.ops.base import Act, Op, Shape
from edgeq.ops.elementwise import Mul
from edgeq.ops.gather import Transpose
from edgeq.ops.matmul import MatMul
from edgeq.ops.reshape import Reshape
from edgeq.passes.chain import sole_consumer
from edgeq.passes.drop_unused import drop_unused

_LARGEST = 1 << 22  # values of a tensor whose order is followed


def fuse_matmul(graph: Graph) -> Graph:
    """`graph` with transposes and, while it is float, factors around products as part of these.

    A product's operands may lie in any order of axes, and so may its result: the transposes of
    attention then cost nothing. Reshapes between them do not matter as long as one order of
    axes says it all.
    """
    for op in graph.ops:
        if isinstance(op, MatMul):
            current = next((o for o in graph.ops if o.name == op.name), None)
            assert isinstance(current, MatMul)
            graph = _with_result(_with_operands(graph, current), op.name)
    return drop_unused(graph)


@dataclass(frozen=True, eq=False)
class _Chain:
    """Transposes, reshapes and factors between a product and a tensor."""

    end: str  # the far tensor
    order: IntArray  # where the later tensor's values are in the earlier one
    factor: float
    steps: tuple[Op, ...]


def _real(g: Graph) -> bool:
    return all(t.q is None for t in g.tensors.values())


def _alike(a: QuantParams | None, b: QuantParams | None) -> bool:
    """True for the same parameters, or none of a float graph."""
    return a is b or (a is not None and b is not None and same_params(a, b))


def _scalar(g: Graph, op: Op) -> tuple[str, float] | None:
    """(x, c) where `op` is x * c for a single constant c of a float graph."""
    if not isinstance(op, Mul) or op.act is not Act.NONE or not _real(g):
        return None
    for i in (0, 1):
        data = g.tensor(op.ins[i]).data
        x = g.tensor(op.ins[1 - i])
        if data is not None and data.size == 1 and x.shape == g.tensor(op.outs[0]).shape:
            return x.name, float(data.reshape(-1)[0])
    return None


def _moved(op: Op, values: IntArray) -> IntArray:
    assert isinstance(op, Transpose | Reshape)
    return values.transpose(op.perm) if isinstance(op, Transpose) else values.reshape(op.to)


# before the product


def _with_operands(g: Graph, op: MatMul) -> Graph:
    """`g` with `op` reading what lies before transposes and factors."""
    new, views = op, list[Op]()
    tensors = dict(g.tensors)
    for i, axes in enumerate((op.a_axes, op.b_axes)):
        chain = _upwards(g, op.ins[i])
        if chain is None:
            continue
        found = _as_read(chain.order.transpose(axes))
        if found is None:
            continue
        source, (shape, read), q = g.tensor(chain.end), found, g.tensor(op.ins[i]).q
        name = source.name
        if shape != source.shape or not _alike(source.q, q):
            name = f"{op.name}/operand{i}"
            tensors[name] = Tensor(name, shape, None, q)
            views.append(Reshape(name=name, ins=(source.name,), outs=(name,), to=shape))
        factor = new.factor * chain.factor
        new = (replace(new, ins=(name, new.ins[1]), a_axes=read, factor=factor) if i == 0 else
               replace(new, ins=(new.ins[0], name), b_axes=read, factor=factor))
    ops = list(g.ops)
    at = ops.index(op)
    ops[at:at + 1] = [*views, new]
    return g.replace(tensors=tensors, ops=tuple(ops))


def _upwards(g: Graph, name: str) -> _Chain | None:
    """From the operand `name` up to the first tensor that no transpose or factor gives."""
    steps, factor, changed = list[Op](), 1.0, False
    while (op := g.producer(name)) is not None:
        scaled = _scalar(g, op)
        if scaled is not None:
            name, factor, changed = scaled[0], factor * scaled[1], True
        elif isinstance(op, Transpose | Reshape):
            steps.append(op)
            name, changed = op.ins[0], changed or isinstance(op, Transpose)
        else:
            break
    tensor = g.tensor(name)
    if not changed or tensor.is_const or tensor.size > _LARGEST:
        return None
    order: IntArray = np.arange(tensor.size).reshape(tensor.shape)
    for step in reversed(steps):
        order = _moved(step, order)
    return _Chain(name, order, factor, tuple(steps))


def _as_read(order: IntArray) -> tuple[Shape, tuple[int, ...]] | None:
    """(shape, axes) of row-major values that are `order` when read by these axes, or None."""
    for perm in _orders(order.shape):
        if np.array_equal(order.transpose(perm).reshape(-1), np.arange(order.size)):
            axes = tuple(perm.index(i) for i in range(order.ndim))
            return tuple(order.shape[i] for i in perm), axes
    return None


def _orders(shape: Shape) -> list[tuple[int, ...]]:
    """Orders of the axes with the batch in front; the plain one first."""
    rank = len(shape)
    if rank > 6:
        return [tuple(range(rank))]
    return [(0, *rest) for rest in permutations(range(1, rank))]


# behind the product


def _with_result(g: Graph, name: str) -> Graph:
    """`g` with the product `name` giving what lies behind transposes and factors."""
    op = next(o for o in g.ops if o.name == name)
    assert isinstance(op, MatMul)
    shape = g.tensor(op.outs[0]).shape
    plain = tuple(shape[op.y_axes.index(i)] for i in range(len(shape)))  # (..., rows, cols)
    chain = _downwards(g, op)
    if chain is None or not _alike(g.tensor(op.outs[0]).q, g.tensor(chain.end).q):
        return g
    for perm in _orders(plain):
        values = np.arange(prod(plain)).reshape(plain).transpose(perm)
        if np.array_equal(values.reshape(-1), chain.order.reshape(-1)):
            return _rewritten(g, op, chain, perm, values.shape)
    return g


def _downwards(g: Graph, op: MatMul) -> _Chain | None:
    """From the result of `op` down to the last tensor that only transposes and factors make."""
    out = g.tensor(op.outs[0])
    if out.size > _LARGEST:
        return None
    plain = tuple(out.shape[op.y_axes.index(i)] for i in range(len(out.shape)))
    order: IntArray = np.arange(out.size).reshape(plain).transpose(op.y_axes)
    name, factor, steps, last = out.name, 1.0, list[Op](), None
    while (reader := sole_consumer(g, name)) is not None:
        scaled = _scalar(g, reader)
        if scaled is not None:
            factor *= scaled[1]
        elif isinstance(reader, Transpose | Reshape):
            order = _moved(reader, order)
        else:
            break
        name = reader.outs[0]
        steps.append(reader)
        if not isinstance(reader, Reshape):
            last = _Chain(name, order, factor, tuple(steps))
    return last


def _rewritten(g: Graph, op: MatMul, chain: _Chain, perm: tuple[int, ...],
               shape: Shape) -> Graph:
    """`g` with `op` storing its result in the order `perm`, then a view, as `chain.end`."""
    end, stored = g.tensor(chain.end), f"{op.name}/stored"
    same, tensors = shape == end.shape, dict(g.tensors)
    made: list[Op] = [replace(op, outs=(end.name if same else stored,), y_axes=perm,
                              factor=op.factor * chain.factor)]
    if not same:
        tensors[stored] = Tensor(stored, shape, None, end.q)
        made.append(Reshape(name=stored, ins=(stored,), outs=(end.name,), to=end.shape))
    gone = {id(step) for step in chain.steps}
    ops = [new for o in g.ops if id(o) not in gone for new in (made if o is op else [o])]
    return g.replace(tensors=tensors, ops=tuple(ops))
