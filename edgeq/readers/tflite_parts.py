"""TFLite nodes that become several operators, or a function of one value."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
import tflite

from edgeq.errors import ModelError
from edgeq.ir import QuantParams, Tensor
from edgeq.ops.base import Act, Op
from edgeq.ops.dense import Dense
from edgeq.ops.div import Div
from edgeq.ops.elementwise import Add, Mul, Sub
from edgeq.ops.embedding import Embedding
from edgeq.ops.function import Fn, Function
from edgeq.ops.gather import Cut
from edgeq.ops.matmul import MatMul, plain_axes
from edgeq.ops.pool import MaxPool
from edgeq.ops.reshape import Reshape
from edgeq.ops.transpose_conv import TransposeConv
from edgeq.ops.windows import same_padding
from edgeq.readers.node import TfliteNode
from edgeq.readers.parts import FIX, Parts
from edgeq.readers.tflite_batches import batch_to_space, space_to_batch
from edgeq.readers.tflite_groups import convolution

_SAME_IN_C = 1  # kTfLitePaddingSame


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


def reduce_extreme(node: TfliteNode) -> tuple[Op, ...]:
    """REDUCE_MAX as one pool an axis; REDUCE_MIN with changed signs around it."""
    p, x = Parts(node), node.ins[0]
    is_max = node.kind == "REDUCE_MAX"
    shape = list(node.shape(0))
    axes = {int(a) % len(shape) for a in node.const(1).reshape(-1).tolist()}
    if not is_max:
        x = _negated(p, x)
    for axis in sorted(axes):
        outer, inner = int(np.prod(shape[:axis])), int(np.prod(shape[axis + 1:]))
        x = p.reshaped(x, (1, outer, shape[axis], inner))
        x = p.emit(MaxPool(name=p.label(), ins=(x,), outs=(p.temp(),), kernel=(1, shape[axis]),
                           stride=(1, shape[axis])), p.q(x))
        shape[axis] = 1
    return p.done(x if is_max else _negated(p, x))


def _negated(p: Parts, x: str) -> str:
    """-x, exact on integers: -1 - q under the zero point -1 - zero."""
    q = p.q(x)
    turned = None if q is None else QuantParams(q.scale, np.asarray(-1 - q.zero, np.int32), q.bits)
    return p.emit(Function(name=p.label(), ins=(x,), outs=(p.temp(),), fn_of=Fn.NEGATE), turned)


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


def gather(node: TfliteNode) -> tuple[Op, ...]:
    """GATHER of constant positions: slices, one behind the other; of others: Embedding."""
    opts = node.options(tflite.GatherOptions)
    if node.tensors[node.ins[1]].data is None:
        node.require(opts.Axis() == 0 and opts.BatchDims() == 0,
                     f"chooses along axis {opts.Axis()} at run time", "axis 0 of a constant table",
                     "choose by constant indices")
        return (Embedding(name=node.name, ins=node.ins, outs=node.outs),)
    shape, picked = node.shape(0), node.const(1)
    axis = opts.Axis() % len(shape)
    wanted = [int(i) for i in picked.reshape(-1).tolist()]
    if opts.BatchDims() or not wanted or not all(0 <= i < shape[axis] for i in wanted):
        raise ModelError(node.name, f"positions {wanted[:5]} of {shape[axis]}", "valid ones", FIX)
    p, x = Parts(node), node.ins[0]
    parts = [p.sliced(x, axis, cut) for cut in _runs(wanted)]
    return p.done(p.joined(parts, axis))


def _runs(wanted: list[int]) -> list[Cut]:
    """`wanted` as few cuts of even steps."""
    cuts, start = [], 0
    while start < len(wanted):
        end = start + 1
        step = wanted[end] - wanted[start] if end < len(wanted) else 1
        while step and end < len(wanted) and wanted[end] - wanted[end - 1] == step:
            end += 1
        cuts.append(Cut(wanted[start], end - start, step or 1))
        start = end
    return cuts


def embedding_lookup(node: TfliteNode) -> tuple[Op, ...]:
    """EMBEDDING_LOOKUP: indices first, then the table."""
    index, table = node.ins
    return (Embedding(name=node.name, ins=(table, index), outs=node.outs),)


def cast(node: TfliteNode) -> tuple[Op, ...]:
    """CAST of whole numbers to reals or wider ones: the same integers."""
    kinds = tflite.TensorType
    opts = node.options(tflite.CastOptions)
    node.require(opts.InDataType() in (kinds.INT32, kinds.INT64, kinds.BOOL), "casts real numbers",
                 "casts of whole numbers", "round in front of the model, or leave the cast out")
    return (Reshape(name=node.name, ins=node.ins, outs=node.outs, to=node.shape(0)),)


def squared_difference(node: TfliteNode) -> tuple[Op, ...]:
    """SQUARED_DIFFERENCE of float models: (x - y) ** 2."""
    p = Parts(node)
    _only_float(node)
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


def transpose_conv_bias(node: TfliteNode) -> tuple[Op, ...]:
    """MediaPipe's Convolution2DTransposeBias: a transposed convolution of x, weights and bias.

    Its options are the C struct of padding, stride_w and stride_h.
    """
    raw = node.op.CustomOptionsAsNumpy()
    fields = [] if isinstance(raw, int) else np.frombuffer(raw.tobytes()[:12], "<i4").tolist()
    out, (_, kh, kw, _) = node.tensors[node.outs[0]].shape, node.shape(1)
    if len(fields) != 3 or min(fields[1:]) < 1 or len(out) != 4:
        raise ModelError(node.name, f"options {fields}, output {out}", "padding and two strides",
                         FIX)
    padding, stride = fields[0], (fields[2], fields[1])
    pads = [same_padding(size, k, s, 1)[0] if padding == _SAME_IN_C else 0
            for size, k, s in zip(out[1:3], (kh, kw), stride, strict=True)]
    return (TransposeConv(name=node.name, ins=node.ins, outs=node.outs, size=(out[1], out[2]),
                          stride=stride, top=pads[0], left=pads[1]),)


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


def reverse(node: TfliteNode) -> tuple[Op, ...]:
    """REVERSE_V2: slices that step backwards; of an axis with one value nothing changes."""
    parts, x = Parts(node), node.ins[0]
    shape = parts.shape(x)
    for axis in {int(a) % len(shape) for a in node.const(1).reshape(-1).tolist()}:
        if shape[axis] > 1:
            x = parts.sliced(x, axis, Cut(shape[axis] - 1, shape[axis], -1))
    return (*parts.ops, Reshape(name=parts.label(), ins=(x,), outs=node.outs, to=shape))


NODES: dict[str, Callable[[TfliteNode], tuple[Op, ...]]] = {
    "REVERSE_V2": reverse,
    "FULLY_CONNECTED": fully_connected,
    "CONV_2D": convolution,
    "SPACE_TO_BATCH_ND": space_to_batch,
    "BATCH_TO_SPACE_ND": batch_to_space,
    "DEPTH_TO_SPACE": depth_to_space,
    "SPACE_TO_DEPTH": space_to_depth,
    "REDUCE_MAX": reduce_extreme,
    "REDUCE_MIN": reduce_extreme,
    "MIRROR_PAD": mirror_pad,
    "TILE": tile,
    "GATHER": gather,
    "EMBEDDING_LOOKUP": embedding_lookup,
    "CAST": cast,
    "CUSTOM Convolution2DTransposeBias": transpose_conv_bias,
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
