"""TFLite nodes that become several operators, or a function of one value."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
import tflite

from edgeq.errors import ModelError
from edgeq.ir import Tensor
from edgeq.ops.base import Act, Op
from edgeq.ops.dense import Dense
from edgeq.ops.div import Div
from edgeq.ops.elementwise import Add, Mul, Sub
from edgeq.ops.function import Fn, Function
from edgeq.ops.gather import Cut
from edgeq.ops.matmul import MatMul, plain_axes
from edgeq.ops.reshape import Reshape
from edgeq.ops.squared_difference import SquaredDifference
from edgeq.readers import tflite_choose, tflite_math, tflite_mediapipe, tflite_reduce
from edgeq.readers.node import TfliteNode
from edgeq.readers.parts import FIX, Parts
from edgeq.readers.tflite_batches import batch_to_space, space_to_batch
from edgeq.readers.tflite_groups import convolution


def depth_to_space(node: TfliteNode) -> tuple[Op, ...]:
    """DEPTH_TO_SPACE: (h, w, b * b * c) as (h, b, w, b, c)."""
    b = node.options(tflite.DepthToSpaceOptions).BlockSize()
    n, h, w, c = _image(node, b)
    if c % (b * b):
        raise ModelError(node.name, f"{c} channels in blocks of {b} x {b}", "a multiple", FIX)
    p = Parts(node)
    x = p.reshaped(node.ins[0], (n, h, w, b, c // b))
    return p.done(p.transposed(x, (0, 1, 3, 2, 4)))


def space_to_depth(node: TfliteNode) -> tuple[Op, ...]:
    """SPACE_TO_DEPTH: (h, b, w, b * c) as (h, w, b, b * c)."""
    b = node.options(tflite.SpaceToDepthOptions).BlockSize()
    n, h, w, c = _image(node, b)
    if h % b or w % b:
        raise ModelError(node.name, f"{h} x {w} pixels in blocks of {b}", "a multiple", FIX)
    p = Parts(node)
    x = p.reshaped(node.ins[0], (n, h // b, b, w // b, b * c))
    return p.done(p.transposed(x, (0, 1, 3, 2, 4)))


def _image(node: TfliteNode, block: int) -> tuple[int, int, int, int]:
    shape = node.shape(0)
    if len(shape) != 4 or block < 1:
        raise ModelError(node.name, f"an input of {shape}, blocks of {block}",
                         "(n, h, w, c) and a positive number", FIX)
    return shape[0], shape[1], shape[2], shape[3]


def mirror_pad(node: TfliteNode) -> tuple[Op, ...]:
    """MIRROR_PAD: the turned border in front of and behind the values, axis by axis."""
    mode = node.options(tflite.MirrorPadOptions).Mode()
    edge = 1 if mode == tflite.MirrorPadMode.REFLECT else 0  # the border pixel itself is left out
    p, x = Parts(node), node.ins[0]
    for axis, (before, after) in enumerate(node.const(1).reshape(-1, 2).tolist()):
        size = p.shape(x)[axis]
        if not 0 <= max(before, after) <= size - edge or min(before, after) < 0:
            raise ModelError(node.name, f"padding {before}, {after} of {size} values",
                             "less than there are", FIX)
        parts = [p.sliced(x, axis, Cut(before - 1 + edge, before, -1))] if before else []
        parts.append(x)
        if after:
            parts.append(p.sliced(x, axis, Cut(size - 1 - edge, after, -1)))
        x = p.joined(parts, axis)
    return p.done(x)


def tile(node: TfliteNode) -> tuple[Op, ...]:
    """TILE: the values several times, axis by axis."""
    p, x = Parts(node), node.ins[0]
    for axis, times in enumerate(node.const(1).reshape(-1).tolist()):
        x = p.joined([x] * int(times), axis)
    return p.done(x)


def cast(node: TfliteNode) -> tuple[Op, ...]:
    """CAST of whole numbers to reals or wider ones: the same integers."""
    kinds = tflite.TensorType
    opts = node.options(tflite.CastOptions)
    node.require(opts.InDataType() in (kinds.INT32, kinds.INT64, kinds.BOOL), "casts real numbers",
                 "casts of whole numbers", "round in front of the model, or leave the cast out")
    return (Reshape(name=node.name, ins=node.ins, outs=node.outs, to=node.shape(0)),)


def squared_difference(node: TfliteNode) -> tuple[Op, ...]:
    """SQUARED_DIFFERENCE: (x - y) ** 2; of integers one operator."""
    p = Parts(node)
    if any(node.tensors[n].q is not None for n in node.ins):
        return (SquaredDifference(name=node.name, ins=node.ins, outs=node.outs),)
    difference = p.emit(Sub(name=p.label(), ins=node.ins, outs=(p.temp(),)), None)
    return (*p.ops, Function(name=p.label(), ins=(difference,), outs=node.outs, fn_of=Fn.POWER,
                             a=2.0))


def div(node: TfliteNode) -> tuple[Op, ...]:
    """DIV of float models: x * (1 / y), where a constant 1 / y is folded; of integers: Div."""
    p, (x, y) = Parts(node), node.ins
    act = node.act(node.options(tflite.DivOptions).FusedActivationFunction())
    if any(node.tensors[n].q is not None for n in node.ins):
        return (Div(name=node.name, ins=node.ins, outs=node.outs, act=act),)
    divisor = node.tensors[y].data
    if divisor is None:
        inverse = p.emit(Function(name=p.label(), ins=(y,), outs=(p.temp(),),
                                  fn_of=Fn.RECIPROCAL), None)
    else:
        node.require(bool((divisor != 0).all()), "divides by 0", "other divisors",
                     "check the constants of the model")
        inverse = f"{node.name}/inverse"
        data = (1.0 / divisor.astype(np.float64)).astype(np.float32)
        node.tensors[inverse] = Tensor(inverse, data.shape, data)
    if node.tensors[x].data is not None and node.tensors[inverse].data is None:
        x, inverse = inverse, x
    return (*p.ops, Mul(name=p.label(), ins=(x, inverse), outs=node.outs, act=act))


def fully_connected(node: TfliteNode) -> tuple[Op, ...]:
    """FULLY_CONNECTED: a dense layer, or with weights of run time (attention) a product."""
    if node.tensors[node.ins[1]].data is not None:
        made = Dense.from_tflite(node)
        return made if isinstance(made, tuple) else (made,)
    opts = node.options(tflite.FullyConnectedOptions)
    act, bias = node.act(opts.FusedActivationFunction()), node.const(2)
    plain = act is Act.NONE and not bias.any()
    node.require(plain or node.tensors[node.ins[0]].q is None, "a bias or an activation behind a "
                 "product of int8 activations", "neither", "start from the float model")
    p, (cols, k) = Parts(node), node.shape(1)
    x, w = p.reshaped(node.ins[0], (1, prod(node.shape(0)) // k, k)), node.ins[1]
    w = p.reshaped(w, (1, cols, k))
    axes, out = plain_axes(3), node.tensors[node.outs[0]].q
    y = p.emit(MatMul(name=p.label(), ins=(x, w), outs=(p.temp(),), a_axes=axes,
                      b_axes=plain_axes(3, True), y_axes=axes), out)
    if not plain:
        y = p.emit(Add(name=p.label(), ins=(y, node.ins[2]), outs=(p.temp(),), act=act), None)
    return p.done(y)


def _only_float(node: TfliteNode) -> None:
    node.require(all(node.tensors[n].q is None for n in node.ins), "quantized already",
                 "a float model", "start from the float model")


def function(fn: Fn, a: float = 0.0) -> Callable[[TfliteNode], tuple[Op, ...]]:
    """A function of one value."""
    return lambda node: (Function(name=node.name, ins=node.ins, outs=node.outs, fn_of=fn, a=a),)


NODES: dict[str, Callable[[TfliteNode], tuple[Op, ...]]] = {
    **tflite_choose.NODES,
    **tflite_math.NODES,
    **tflite_mediapipe.NODES,
    **tflite_reduce.NODES,
    "FULLY_CONNECTED": fully_connected,
    "CONV_2D": convolution,
    "SPACE_TO_BATCH_ND": space_to_batch,
    "BATCH_TO_SPACE_ND": batch_to_space,
    "DEPTH_TO_SPACE": depth_to_space,
    "SPACE_TO_DEPTH": space_to_depth,
    "MIRROR_PAD": mirror_pad,
    "TILE": tile,
    "CAST": cast,
    "SQUARED_DIFFERENCE": squared_difference,
    "DIV": div,
    "ABS": function(Fn.ABS),
    "CEIL": function(Fn.CEIL),
    "COS": function(Fn.COS),
    "EXP": function(Fn.EXP),
    "FLOOR": function(Fn.FLOOR),
    "LOG": function(Fn.LOG),
    "NEG": function(Fn.NEGATE),
    "ROUND": function(Fn.ROUND),
    "RSQRT": function(Fn.POWER, -0.5),
    "SIGN": function(Fn.SIGN),
    "SIN": function(Fn.SIN),
    "SQRT": function(Fn.SQRT),
    "SQUARE": function(Fn.POWER, 2.0),
}
