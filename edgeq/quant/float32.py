"""Which layers a recipe leaves in float32."""

from __future__ import annotations

from dataclasses import fields

from edgeq.ir import Graph
from edgeq.ops.base import Op
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.float_layers import FloatConv2D, FloatDense, FloatDepthwiseConv2D
from edgeq.recipe import Precision, Recipe

_TWINS: tuple[tuple[type[Op], type[Op]], ...] = (
    (Conv2D, FloatConv2D), (Dense, FloatDense), (DepthwiseConv2D, FloatDepthwiseConv2D))


def with_float32(graph: Graph, recipe: Recipe) -> Graph:
    """The float `graph` whose layers compute in float32 on the board where `recipe` says so."""
    return graph.replace(ops=tuple(_as_float32(op, recipe) for op in graph.ops))


def _as_float32(op: Op, recipe: Recipe) -> Op:
    if recipe.precision_of(op.name) is Precision.FLOAT32:
        for integer, made in _TWINS:
            if type(op) is integer:
                return made(**{f.name: getattr(op, f.name) for f in fields(op)})
    return op
