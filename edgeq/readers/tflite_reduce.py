"""TFLite nodes that make one value of many along axes: extremes, products, running sums."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
import tflite

from edgeq.ir import QuantParams
from edgeq.ops.base import Op
from edgeq.ops.compare import LogicalNot
from edgeq.ops.cumsum import CumSum
from edgeq.ops.elementwise import Mul
from edgeq.ops.function import Fn, Function
from edgeq.ops.gather import Cut
from edgeq.ops.pool import MaxPool
from edgeq.readers.node import TfliteNode
from edgeq.readers.parts import Parts

_MOST_FACTORS = 64  # of a product


def reduce_extreme(node: TfliteNode) -> tuple[Op, ...]:
    """REDUCE_MAX as one pool an axis; REDUCE_MIN with changed signs around it."""
    p, x = Parts(node), node.ins[0]
    is_max = node.kind == "REDUCE_MAX"
    x = _largest(p, x if is_max else _negated(p, x))
    return p.done(x if is_max else _negated(p, x))


def reduce_logical(node: TfliteNode) -> tuple[Op, ...]:
    """REDUCE_ANY of 0 and 1 as their largest; REDUCE_ALL as none that is 0."""
    p, x = Parts(node), node.ins[0]
    is_any = node.kind == "REDUCE_ANY"
    x = _largest(p, x if is_any else _not(p, x))
    return p.done(x if is_any else _not(p, x))


def _axes(node: TfliteNode) -> list[int]:
    """The axes of input 1, ascending."""
    rank = max(1, len(node.shape(0)))
    return sorted({int(a) % rank for a in node.const(1).reshape(-1).tolist()})


def _largest(p: Parts, x: str) -> str:
    """The largest values along the node's axes."""
    shape = list(p.shape(x))
    for axis in _axes(p.node):
        outer, inner = prod(shape[:axis]), prod(shape[axis + 1:])
        x = p.reshaped(x, (1, outer, shape[axis], inner))
        x = p.emit(MaxPool(name=p.label(), ins=(x,), outs=(p.temp(),), kernel=(1, shape[axis]),
                           stride=(1, shape[axis])), p.q(x))
        shape[axis] = 1
    return x


def _negated(p: Parts, x: str) -> str:
    """-x, exact on integers: -1 - q under the zero point -1 - zero."""
    q = p.q(x)
    turned = None if q is None else QuantParams(q.scale, np.asarray(-1 - q.zero, np.int32), q.bits)
    return p.emit(Function(name=p.label(), ins=(x,), outs=(p.temp(),), fn_of=Fn.NEGATE), turned)


def _not(p: Parts, x: str) -> str:
    """1 where x is 0."""
    return p.emit(LogicalNot(name=p.label(), ins=(x,), outs=(p.temp(),)), p.q(x))


def reduce_prod(node: TfliteNode) -> tuple[Op, ...]:
    """REDUCE_PROD of float models as products of halves."""
    p, x = Parts(node), node.ins[0]
    node.require(p.q(x) is None, "quantized already", "a float model", "start from the float model")
    for axis in _axes(node):
        while (size := p.shape(x)[axis]) > 1:
            node.require(size <= _MOST_FACTORS, f"a product of {size} values",
                         f"at most {_MOST_FACTORS}", "sum up logarithms")
            half = size // 2
            parts = [p.sliced(x, axis, Cut(start, half, 1)) for start in (0, half)]
            y = p.emit(Mul(name=p.label(), ins=(parts[0], parts[1]), outs=(p.temp(),)), None)
            rest = [p.sliced(x, axis, Cut(size - 1, 1, 1))] if size % 2 else []
            x = p.joined([y, *rest], axis)
    return p.done(x)


def cumsum(node: TfliteNode) -> tuple[Op, ...]:
    """CUMSUM along one axis."""
    opts, p, x = node.options(tflite.CumsumOptions), Parts(node), node.ins[0]
    shape, q = node.shape(0), node.tensors[node.outs[0]].q
    axis = int(node.const(1).reshape(-1)[0]) % max(1, len(shape))
    x = p.reshaped(x, (1, *shape))
    return p.done(p.emit(CumSum(
        name=p.label(), ins=(x,), outs=(p.temp(),), axis=axis + 1,
        exclusive=bool(opts.Exclusive()), reverse=bool(opts.Reverse())), q))


NODES: dict[str, Callable[[TfliteNode], tuple[Op, ...]]] = {
    "REDUCE_MAX": reduce_extreme,
    "REDUCE_MIN": reduce_extreme,
    "REDUCE_ANY": reduce_logical,
    "REDUCE_ALL": reduce_logical,
    "REDUCE_PROD": reduce_prod,
    "CUMSUM": cumsum,
}
