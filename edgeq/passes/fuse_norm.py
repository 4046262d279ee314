"""Normalization fusion: a LayerNorm or RMSNorm written out in simple operators becomes one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edgeq.ir import Array, FloatArray, Graph, Tensor
from edgeq.ops.base import Act, Op
from edgeq.ops.elementwise import Add, Binary, Mul, Sub
from edgeq.ops.function import Fn, Function
from edgeq.ops.layer_norm import LayerNorm
from edgeq.ops.reduce import Mean
from edgeq.passes.chain import sole_consumer
from edgeq.passes.drop_unused import drop_unused


@dataclass(frozen=True)
class _Deviation:
    """The value 1 / sqrt(mean((x - mean)^2) + epsilon); `mean` is "" where it is 0 (RMSNorm)."""

    x: str
    mean: str
    epsilon: float
    first: int  # the first of the axes that are normalized, which are the last ones


@dataclass(frozen=True, eq=False)
class _Found:
    """(x - m) / deviation * gamma + beta is the tensor `out`; None stands for 1 and 0."""

    of: _Deviation
    out: str
    gamma: FloatArray | None = None
    beta: FloatArray | None = None


def fuse_norm(graph: Graph) -> Graph:
    """`graph` with LayerNorm and RMSNorm, as exporters write them out, as one operator each.

    Recognized are x - mean times the reciprocal of the deviation (PyTorch), x * k + (beta -
    mean * k) with k that reciprocal times gamma (Keras), and x times the reciprocal of its root
    mean square, each with constant factors and offsets behind; float graphs only.
    """
    if any(t.q is not None for t in graph.tensors.values()):
        return graph
    for op in graph.ops:
        deviation = _deviation(graph, op)
        if deviation is not None:
            found = _batch_norm_form(graph, op, deviation) or _plain_form(graph, op, deviation)
            if found is not None:
                graph = _fused(graph, found)
    return graph


# 1 / sqrt(mean((x - mean)^2) + epsilon)


def _deviation(g: Graph, op: Op) -> _Deviation | None:
    """What `op` is the reciprocal of, or None."""
    under = _under_root(g, op)
    if under is None:
        return None
    variance, epsilon = _plus_constant(g, under)
    mean_of = g.producer(variance)
    if not isinstance(mean_of, Mean):
        return None
    base = _squared(g, mean_of.ins[0])
    shape = g.tensor(mean_of.ins[0]).shape
    wide = [i for i, n in enumerate(shape) if n > 1]
    first = max((0, *(i for i in wide if i not in mean_of.axes))) + 1
    last_axes = [i for i in wide if i in mean_of.axes] == [i for i in wide if i >= first] != []
    if base is None or not mean_of.keep_dims or not last_axes:
        return None
    x, mean = _centered(g, base, mean_of.axes)
    return _Deviation(x, mean, epsilon, first)


def _under_root(g: Graph, op: Op) -> str | None:
    """v where `op` gives 1 / sqrt(v)."""
    if not isinstance(op, Function):
        return None
    if op.fn_of is Fn.POWER and op.a == -0.5:
        return op.ins[0]
    if op.fn_of is Fn.RECIPROCAL or (op.fn_of is Fn.POWER and op.a == -1.0):
        root = g.producer(op.ins[0])
        if isinstance(root, Function) and (root.fn_of is Fn.SQRT or (
                root.fn_of is Fn.POWER and root.a == 0.5)):
            return root.ins[0]
    return None


def _plus_constant(g: Graph, name: str) -> tuple[str, float]:
    """(v, c) where `name` is v + c for a single constant c, else (name, 0)."""
    op = g.producer(name)
    if isinstance(op, Add) and op.act is Act.NONE:
        for i in (0, 1):
            data = g.tensor(op.ins[i]).data
            if data is not None and data.size == 1:
                return op.ins[1 - i], float(data.reshape(-1)[0])
    return name, 0.0


def _squared(g: Graph, name: str) -> str | None:
    """d where `name` is d * d."""
    op = g.producer(name)
    if isinstance(op, Function) and op.fn_of is Fn.POWER and op.a == 2.0:
        return op.ins[0]
    if isinstance(op, Mul) and op.ins[0] == op.ins[1] and op.act is Act.NONE:
        return op.ins[0]
    return None


def _centered(g: Graph, name: str, axes: tuple[int, ...]) -> tuple[str, str]:
    """(x, mean) where `name` is x less its mean over `axes`, else (name, "")."""
    op = g.producer(name)
    if isinstance(op, Sub) and op.act is Act.NONE:
        mean = g.producer(op.ins[1])
        if isinstance(mean, Mean) and mean.ins[0] == op.ins[0] and mean.axes == axes:
            return op.ins[0], op.ins[1]
    return name, ""


# what is done with it


def _plain_form(g: Graph, op: Op, d: _Deviation) -> _Found | None:
    """d * op or d * (op * gamma), then constant factors and offsets."""
    gamma: FloatArray | None = None
    name = op.outs[0]
    reader = sole_consumer(g, name)
    if reader is None or not isinstance(reader, Mul):
        return None
    factor = _constant_operand(g, reader)
    if factor is not None:
        gamma, name = _times(gamma, factor), reader.outs[0]
        reader = sole_consumer(g, name)
    if not isinstance(reader, Mul) or reader.act is not Act.NONE:
        return None
    base = reader.ins[1 - reader.ins.index(name)]
    if _centered_as(g, base, d):
        return _with_affine(g, _Found(d, reader.outs[0], gamma))
    return None


def _centered_as(g: Graph, name: str, d: _Deviation) -> bool:
    """True where `name` is what the deviation is taken of: x - mean, or x itself."""
    if not d.mean:
        return name == d.x
    op = g.producer(name)
    if not isinstance(op, Sub) or op.act is not Act.NONE or op.ins[0] != d.x:
        return False
    return _same_mean(g, op.ins[1], d)


def _same_mean(g: Graph, name: str, d: _Deviation) -> bool:
    """True where `name` is the mean of `d`, perhaps computed once more."""
    a, b = g.producer(name), g.producer(d.mean)
    return (isinstance(a, Mean) and isinstance(b, Mean)
            and (a.ins, a.axes, a.keep_dims) == (b.ins, b.axes, b.keep_dims))


def _batch_norm_form(g: Graph, op: Op, d: _Deviation) -> _Found | None:
    """x * k + (beta - mean * k) with k = op or op * gamma."""
    gamma, k = None, op.outs[0]
    reader = sole_consumer(g, k)
    if isinstance(reader, Mul) and reader.act is Act.NONE:
        factor = _constant_operand(g, reader)
        if factor is None:
            return None
        gamma, k = factor, reader.outs[0]
    scaled_x = scaled_mean = None
    for mul in g.consumers(k):
        if not isinstance(mul, Mul) or mul.act is not Act.NONE or mul.ins.count(k) != 1:
            return None
        other = mul.ins[1 - mul.ins.index(k)]
        if other == d.x:
            scaled_x = mul.outs[0]
        elif d.mean and _same_mean(g, other, d):
            scaled_mean = mul.outs[0]
        else:
            return None
    if scaled_x is None or scaled_mean is None or k in g.outs:
        return None
    return _shifted(g, d, gamma, scaled_x, scaled_mean)


def _shifted(g: Graph, d: _Deviation, gamma: FloatArray | None, scaled_x: str,
             scaled_mean: str) -> _Found | None:
    """scaled_x + (beta - scaled_mean), or scaled_x - scaled_mean."""
    last, offset = sole_consumer(g, scaled_x), sole_consumer(g, scaled_mean)
    if isinstance(last, Sub) and last is offset and last.ins == (scaled_x, scaled_mean):
        return _with_affine(g, _Found(d, last.outs[0], gamma)) if last.act is Act.NONE else None
    if not isinstance(offset, Sub) or offset.ins[1] != scaled_mean or offset.act is not Act.NONE:
        return None
    beta = g.tensor(offset.ins[0]).data
    joined = isinstance(last, Add) and last.act is Act.NONE and offset.outs[0] in last.ins
    if beta is None or not joined or sole_consumer(g, offset.outs[0]) is not last:
        return None
    assert last is not None
    return _with_affine(g, _Found(d, last.outs[0], gamma, _reals(beta)))


def _with_affine(g: Graph, found: _Found) -> _Found:
    """`found` with the constant factors and offsets that follow."""
    while True:
        op = sole_consumer(g, found.out)
        if not isinstance(op, Mul | Add) or op.act is not Act.NONE:
            return found
        value = _constant_operand(g, op)
        shape = g.tensor(found.out).shape
        if value is None or _over_rows(value, shape, found.of.first) is None:
            return found
        if isinstance(op, Add):
            shifted = value if found.beta is None else _reals(found.beta + value)
            found = replace(found, out=op.outs[0], beta=shifted)
        else:
            scaled = None if found.beta is None else _reals(found.beta * value)
            found = replace(found, out=op.outs[0], gamma=_times(found.gamma, value), beta=scaled)


def _times(a: FloatArray | None, b: FloatArray) -> FloatArray:
    return b if a is None else a * b


def _constant_operand(g: Graph, op: Binary) -> FloatArray | None:
    """The constant among the two operands."""
    data = [t.data for t in map(g.tensor, op.ins) if t.data is not None]
    return _reals(data[0]) if len(data) == 1 else None


def _reals(data: Array) -> FloatArray:
    return np.asarray(data, np.float32)


def _over_rows(value: FloatArray, shape: tuple[int, ...], first: int) -> FloatArray | None:
    """`value` for each of the axes from `first` on; None where it differs between rows."""
    extra = value.ndim - (len(shape) - first)
    if extra > 0 and any(n != 1 for n in value.shape[:extra]):
        return None
    inner = value.reshape(value.shape[max(0, extra):])
    return np.ascontiguousarray(np.broadcast_to(inner, shape[first:]))


def _fused(g: Graph, found: _Found) -> Graph:
    """`g` with the operator that writes `found.out` replaced by a LayerNorm."""
    last, shape = g.producer(found.out), g.tensor(found.of.x).shape
    assert last is not None
    constants = []
    for name, value, default in (("gamma", found.gamma, 1.0), ("beta", found.beta, 0.0)):
        given = np.float32(default) if value is None else value
        data = _over_rows(np.asarray(given), shape, found.of.first)
        if data is None or g.tensor(found.out).shape != shape:
            return g
        constants.append(Tensor(f"{last.name}/{name}", data.shape, data))
    norm = LayerNorm(name=last.name, ins=(found.of.x, *(t.name for t in constants)),
                     outs=last.outs, epsilon=found.of.epsilon, centered=bool(found.of.mean))
    ops = tuple(norm if op is last else op for op in g.ops)
    tensors = {**g.tensors, **{t.name: t for t in constants}}
    return drop_unused(g.replace(tensors=tensors, ops=ops))
