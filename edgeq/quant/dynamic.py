"""Which operators a recipe turns into those that narrow their inputs at run time."""

from __future__ import annotations

from dataclasses import fields

from edgeq.ir import Graph
from edgeq.ops.base import Op
from edgeq.ops.dense import Dense
from edgeq.ops.dynamic_dense import DynamicDense
from edgeq.ops.dynamic_gru import DynamicGru
from edgeq.ops.dynamic_lstm import DynamicLstm
from edgeq.ops.dynamic_matmul import DynamicMatMul
from edgeq.ops.gru import Gru
from edgeq.ops.lstm import Lstm
from edgeq.ops.matmul import MatMul
from edgeq.ops.recurrent import Recurrent
from edgeq.recipe import Recipe

_TWINS: tuple[tuple[type[Op], type[Op]], ...] = (
    (Dense, DynamicDense), (MatMul, DynamicMatMul), (Lstm, DynamicLstm), (Gru, DynamicGru))


def has_dynamic(op: Op) -> bool:
    """True where `op` can narrow its inputs at run time."""
    return any(type(op) is static for static, _ in _TWINS)


def as_dynamic(op: Op, recipe: Recipe) -> Op:
    """`op`, or the operator that narrows its inputs where `recipe` wants that of it."""
    how = recipe.of(op.name)
    kept = isinstance(op, Recurrent) and op.stateful
    if kept or not (how.dynamic and how.act_bits == 16):
        return op
    for static, made in _TWINS:
        if type(op) is static:
            return made(**{f.name: getattr(op, f.name) for f in fields(op)})
    return op


def with_dynamic(graph: Graph, recipe: Recipe) -> Graph:
    """`graph` with the operators that narrow their inputs where `recipe` wants them."""
    return graph.replace(ops=tuple(as_dynamic(op, recipe) for op in graph.ops))
