"""ONNX normalizations by statistics of the values themselves, written out in simple operators."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from edgeq.errors import ModelError
from edgeq.ir import Array
from edgeq.ops.elementwise import Add, Mul, Sub
from edgeq.ops.function import Fn
from edgeq.ops.l2_norm import L2Norm
from edgeq.ops.layer_norm import LayerNorm
from edgeq.ops.reduce import Mean, Sum
from edgeq.readers.onnx_file import FIX
from edgeq.readers.onnx_math import binary, function
from edgeq.readers.onnx_node import OnnxNode


def normalized(node: OnnxNode, x: str, axes: tuple[int, ...], eps: float,
               centered: bool = True) -> str:
    """(x - mean) / sqrt(variance + eps) over `axes`; without the means where not `centered`."""
    if centered:
        x = binary(node, Sub, x, mean_of(node, x, axes))
    return binary(node, Mul, x, inverse_deviation(node, x, axes, eps))


def mean_of(node: OnnxNode, x: str, axes: tuple[int, ...]) -> str:
    return node.emit(Mean(name=node.label(), ins=(x,), outs=(node.temp("mean"),), axes=axes,
                          keep_dims=True))


def inverse_deviation(node: OnnxNode, x: str, axes: tuple[int, ...], eps: float) -> str:
    """1 / sqrt(mean of x^2 + eps)."""
    var = mean_of(node, function(node, Fn.POWER, x, 2.0), axes)
    var = binary(node, Add, var, node.floats("epsilon", np.array(eps)))
    return function(node, Fn.POWER, var, -0.5)


def affine(node: OnnxNode, x: str, scale: Array | None, shift: Array | None, out: str) -> None:
    """x * scale + shift, either of which may be missing."""
    if scale is not None:
        x = binary(node, Mul, x, node.floats("scale", scale))
    if shift is not None:
        x = binary(node, Add, x, node.floats("shift", shift))
    node.reshaped(x, node.tensors[x].shape, out)


def layer_norm(node: OnnxNode) -> None:
    """LayerNormalization, RMSNormalization and Microsoft's SimplifiedLayerNormalization."""
    shape = node.shape(0)
    first = node.axis(node.integer("axis", -1), len(shape))
    centered = node.kind == "LayerNormalization"
    x, axes, eps = node.ins[0], tuple(range(first, len(shape))), node.real("epsilon", 1e-5)
    if any(node.outs[1:]):  # the statistics too: computed once more, dropped where not used
        mu = mean_of(node, x, axes)
        rest = inverse_deviation(node, binary(node, Sub, x, mu), axes, eps)
        for name, value in zip(node.outs[1:], (mu, rest), strict=False):
            if name:
                node.reshaped(value, node.tensors[value].shape, name)
    if first == 0:  # the batch is not kept apart: in simple operators
        y = normalized(node, x, axes, eps, centered)
        affine(node, y, node.optional(1), node.optional(2) if centered else None, node.outs[0])
        return
    gamma, beta = (
        node.floats(name, np.broadcast_to(default if data is None else data, shape[first:]))
        for name, data, default in (("gamma", node.optional(1), np.array(1.0)),
                                    ("beta", node.optional(2) if centered else None,
                                     np.array(0.0))))
    node.emit(LayerNorm(name=node.label(), ins=(x, gamma, beta), outs=node.outs[:1], epsilon=eps,
                        centered=centered))


def instance_norm(node: OnnxNode) -> None:
    shape = node.shape(0)
    x = normalized(node, node.ins[0], tuple(range(2, len(shape))), node.real("epsilon", 1e-5))
    _by_channel(node, x)


def _by_channel(node: OnnxNode, x: str) -> None:
    shape = node.shape(0)
    scale, shift = node.const(1), node.const(2)
    if scale.size != shape[1] or shift.size != shape[1]:
        raise ModelError(node.place, f"{scale.size} factors for {shape[1]} channels", "", FIX)
    column = (shape[1],) + (1,) * (len(shape) - 2)
    affine(node, x, scale.reshape(column), shift.reshape(column), node.outs[0])


def group_norm(node: OnnxNode) -> None:
    shape, groups = node.shape(0), node.integer("num_groups", 0)
    if groups < 1 or shape[1] % groups:
        raise ModelError(node.place, f"{groups} groups of {shape[1]} channels", "", FIX)
    each = shape[1] // groups
    x = node.reshaped(node.ins[0], (shape[0], groups, each, *shape[2:]))
    x = normalized(node, x, tuple(range(2, len(shape) + 1)), node.real("epsilon", 1e-5))
    scale, shift = node.const(1), node.const(2)
    if scale.size == groups:  # before opset 21
        scale, shift = np.repeat(scale, each), np.repeat(shift, each)
    x = node.reshaped(x, shape)
    column = (shape[1],) + (1,) * (len(shape) - 2)
    affine(node, x, scale.reshape(column), shift.reshape(column), node.outs[0])


def mean_variance_norm(node: OnnxNode) -> None:
    axes = node.integers("axes") or (0, 2, 3)
    rank = len(node.shape(0))
    x = normalized(node, node.ins[0], tuple(sorted(node.axis(a, rank) for a in axes)), 1e-9)
    node.alias(x)


def lp_norm(node: OnnxNode) -> None:
    """x / its length along an axis."""
    axis, p = node.axis(node.integer("axis", -1), len(node.shape(0))), node.integer("p", 2)
    node.require(p in (1, 2), f"p {p}", "1 or 2", "normalize outside the model")
    x = node.ins[0]
    if p == 2:
        _length_one(node, x, axis)
        return
    total = node.emit(Sum(name=node.label(), ins=(function(node, Fn.ABS, x),),
                          outs=(node.temp("sum"),), axes=(axis,), keep_dims=True))
    # a length of 0 gives 0, as the standard has it
    total = binary(node, Add, total, node.floats("tiny", np.array(1e-30)))
    binary(node, Mul, x, function(node, Fn.POWER, total, -1.0), node.outs[0])


def _length_one(node: OnnxNode, x: str, axis: int) -> None:
    """L2Norm, which takes the last axis behind a batch."""
    shape = node.tensors[x].shape
    order = (*(i for i in range(len(shape)) if i != axis), axis)
    turned = node.transposed(x, order)
    if len(shape) == 1:
        turned = node.reshaped(turned, (1, *shape))
    y = node.emit(L2Norm(name=node.label(), ins=(turned,), outs=(node.temp("unit"),)))
    if len(shape) == 1:
        node.reshaped(y, shape, node.outs[0])
    else:
        node.transposed(y, tuple(order.index(i) for i in range(len(shape))), node.outs[0])


def depth_to_space(node: OnnxNode) -> None:
    n, c, h, w = _four(node)
    block = node.integer("blocksize", 0)
    if block < 1 or c % (block * block):
        raise ModelError(node.place, f"blocks of {block} from {c} channels", "", FIX)
    depth = c // (block * block)
    if node.text("mode", "DCR") == "DCR":
        x = node.reshaped(node.ins[0], (n, block, block, depth, h, w))
        x = node.transposed(x, (0, 3, 4, 1, 5, 2))
    else:
        x = node.reshaped(node.ins[0], (n, depth, block, block, h, w))
        x = node.transposed(x, (0, 1, 4, 2, 5, 3))
    node.reshaped(x, (n, depth, h * block, w * block), node.outs[0])


def space_to_depth(node: OnnxNode) -> None:
    n, c, h, w = _four(node)
    block = node.integer("blocksize", 0)
    if block < 1 or h % block or w % block:
        raise ModelError(node.place, f"blocks of {block} in {h} x {w}", "", FIX)
    x = node.reshaped(node.ins[0], (n, c, h // block, block, w // block, block))
    crd = node.text("mode", "DCR") == "CRD"
    x = node.transposed(x, (0, 1, 3, 5, 2, 4) if crd else (0, 3, 5, 1, 2, 4))
    node.reshaped(x, (n, c * block * block, h // block, w // block), node.outs[0])


def _four(node: OnnxNode) -> tuple[int, int, int, int]:
    shape = node.shape(0)
    if len(shape) != 4 or prod(shape) == 0:
        raise ModelError(node.place, f"an input of shape {shape}", "(n, c, h, w)", FIX)
    return shape[0], shape[1], shape[2], shape[3]


NODES: dict[str, Callable[[OnnxNode], None]] = {
    "LayerNormalization": layer_norm, "RMSNormalization": layer_norm,
    "SimplifiedLayerNormalization": layer_norm, "com.microsoft.SimplifiedLayerNormalization":
    layer_norm,
    "InstanceNormalization": instance_norm, "GroupNormalization": group_norm,
    "MeanVarianceNormalization": mean_variance_norm, "LpNormalization": lp_norm,
    "DepthToSpace": depth_to_space, "SpaceToDepth": space_to_depth,
}
