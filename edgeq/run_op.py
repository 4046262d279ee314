"""One operator on several samples at once, or one sample after the other where it must."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

import numpy as np

from edgeq.errors import EdgeqError, UnsupportedError
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.ops.base import Op, Shape
from edgeq.ops.reshape import Reshape

A = TypeVar("A", FloatArray, IntArray)

_MANY = 1009  # samples, a prime: no axis of a model is as long by chance


def run_real(graph: Graph, op: Op, xs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
    """`op.run(*xs)` for any number of samples: the leading axis of each activation times it.

    Raises UnsupportedError where several samples have no place in a result.
    """
    return _run(graph, op, xs, lambda operands: op.run(*operands))


def run_integers(graph: Graph, op: Op, qs: Sequence[IntArray]) -> tuple[IntArray, ...]:
    """`op.run_int(graph, *qs)` for any number of samples."""
    return _run(graph, op, qs, lambda operands: op.run_int(graph, *operands))


def _run(graph: Graph, op: Op, xs: Sequence[A],
         run: Callable[[Sequence[A]], tuple[A, ...]]) -> tuple[A, ...]:
    n = _samples(graph, op, xs)
    if n > 1 and isinstance(op, Reshape) and not op.to:
        raise UnsupportedError(f"Reshape {op.name!r}", f"one value without an axis, {n} samples",
                               "one sample at a time", "give the value an axis in the model")
    fixed = frozenset(name for name, x in zip(op.ins, xs, strict=True)
                      if x.shape == graph.tensor(name).shape)  # made of constants alone, say
    if n <= 1 or takes_samples(graph, op, fixed):
        return run(xs)
    parts = [[x] * n if name in fixed or graph.tensor(name).is_const else np.split(x, n)
             for name, x in zip(op.ins, xs, strict=True)]
    found = [run(operands) for operands in zip(*parts, strict=True)]
    return tuple(np.concatenate(outs) for outs in zip(*found, strict=True))


def _samples(graph: Graph, op: Op, xs: Sequence[A]) -> int:
    """How many samples `xs` hold."""
    shapes = {name: graph.tensor(name).shape for name in op.ins if not graph.tensor(name).is_const}
    return max((len(x) // shapes[name][0] for name, x in zip(op.ins, xs, strict=True)
                if shapes.get(name, ())[:1] not in ((), (0,))), default=1)


def takes_samples(graph: Graph, op: Op, fixed: Collection[str] = ()) -> bool:
    """True where more samples just make the leading axes of the operands and results longer.

    Not so where a leading axis is the model's own (a batch made of rows, say) and meets a
    constant, another axis, or a sum along it. The operands `fixed` are the same for all samples.
    """
    moving = [graph.tensor(n) for n in (*op.ins, *op.outs)
              if n not in fixed and not graph.tensor(n).is_const]
    if isinstance(op, Reshape) or (all(t.shape[:1] == (1,) for t in moving)
                                   and len({len(t.shape) for t in moving}) == 1):
        return True
    given = [t.shape if t.is_const or t.name in fixed else _longer(t.shape)
             for t in map(graph.tensor, op.ins)]
    try:
        made = op.shape(*given)
    except EdgeqError:
        return False
    return made == tuple(_longer(graph.tensor(n).shape) for n in op.outs)


def _longer(shape: Shape) -> Shape:
    return (shape[0] * _MANY, *shape[1:]) if shape else ()
