"""ONNX nodes that compute: elementwise functions, reductions, softmax."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, prod

import numpy as np

from edgeq.errors import ModelError
from edgeq.ops.activations import Elu, Gelu, HardSwish, LeakyRelu, Logistic, Relu, Tanh
from edgeq.ops.argextreme import ArgExtreme
from edgeq.ops.base import Act
from edgeq.ops.concat import Concat
from edgeq.ops.elementwise import Add, Mul, Sub
from edgeq.ops.function import Fn, Function
from edgeq.ops.log_softmax import LogSoftmax
from edgeq.ops.minmax import MinMax
from edgeq.ops.pool import MaxPool
from edgeq.ops.prelu import PRelu
from edgeq.ops.reduce import Mean, Reduce, Sum
from edgeq.ops.softmax import Softmax
from edgeq.readers.onnx_file import FIX
from edgeq.readers.onnx_node import OnnxNode

# elementwise


def binary(node: OnnxNode, cls: type[Add] | type[Mul] | type[Sub], a: str, b: str,
           out: str = "") -> str:
    """a and b through `cls`; operands that broadcast both ways are expanded first."""
    return node.emit(cls(name=node.label(), ins=one_full(node, a, b),
                         outs=(out or node.temp("value"),)))


def one_full(node: OnnxNode, a: str, b: str) -> tuple[str, str]:
    """a and b, of which one that is computed has the shape that both broadcast to."""
    shapes = [node.tensors[n].shape for n in (a, b)]
    try:
        full = np.broadcast_shapes(*shapes)
    except ValueError:
        raise ModelError(node.place, f"shapes {shapes[0]} and {shapes[1]}", "that broadcast", FIX
                         ) from None
    if full not in (s for s, n in zip(shapes, (a, b), strict=True)
                    if not node.tensors[n].is_const):
        a = expanded(node, a, full) if not node.tensors[a].is_const else a
        b = expanded(node, b, full) if node.tensors[a].is_const else b
    return a, b


def expanded(node: OnnxNode, x: str, full: tuple[int, ...]) -> str:
    """`x` repeated to the shape `full`."""
    from edgeq.readers.onnx_shapes import repeated

    shape = node.tensors[x].shape
    x = node.reshaped(x, (1,) * (len(full) - len(shape)) + shape)
    return repeated(node, x, tuple(t // s for t, s in
                                   zip(full, node.tensors[x].shape, strict=True)))


def add(node: OnnxNode) -> None:
    binary(node, Add, node.ins[0], node.ins[1], node.outs[0])


def sub(node: OnnxNode) -> None:
    binary(node, Sub, node.ins[0], node.ins[1], node.outs[0])


def mul(node: OnnxNode) -> None:
    binary(node, Mul, node.ins[0], node.ins[1], node.outs[0])


def div(node: OnnxNode) -> None:
    """x / constant as x * (1 / constant), constant / x and x / y by a reciprocal."""
    if node.tensor(1).is_const:
        b = np.asarray(node.const(1), np.float64)
        node.require(bool((b != 0).all()), "divides by 0", "other divisors",
                     "check the constants of the model")
        inverse = node.floats("inverse", 1.0 / b)
    else:
        inverse = function(node, Fn.RECIPROCAL, node.ins[1])
    a = node.tensor(0)
    if a.data is not None and a.size == 1 and float(a.data.reshape(-1)[0]) == 1.0:
        node.alias(inverse)
    else:
        binary(node, Mul, node.ins[0], inverse, node.outs[0])


def chain(cls: type[Add] | type[Mul]) -> Callable[[OnnxNode], None]:
    """Sum of any number of operands."""
    def translate(node: OnnxNode) -> None:
        x = node.ins[0]
        for other in node.ins[1:]:
            x = binary(node, cls, x, other)
        node.alias(x)
    return translate


def mean(node: OnnxNode) -> None:
    x = node.ins[0]
    for other in node.ins[1:]:
        x = binary(node, Add, x, other)
    share = node.floats("share", np.array(1.0 / len(node.ins)))
    binary(node, Mul, x, share, node.outs[0])


def minmax(is_max: bool) -> Callable[[OnnxNode], None]:
    def translate(node: OnnxNode) -> None:
        x = node.ins[0]
        for other in node.ins[1:]:
            x = _minmax(node, x, other, is_max)
        node.alias(x)
    return translate


def _minmax(node: OnnxNode, a: str, b: str, is_max: bool) -> str:
    full = np.broadcast_shapes(node.tensors[a].shape, node.tensors[b].shape)
    if node.tensors[a].is_const:
        a, b = b, a
    if node.tensors[a].shape != full:
        a = expanded(node, a, full)
    return node.emit(MinMax(name=node.label(), ins=(a, b), outs=(node.temp("value"),),
                            is_max=is_max))


def clip(node: OnnxNode) -> None:
    """Clip, with bounds as attributes or inputs: a fused activation where there is one."""
    def bound(i: int, attr: str, default: float) -> float:
        data = node.optional(i)
        return node.real(attr, default) if data is None else float(data.reshape(-1)[0])

    low, high = bound(1, "min", -inf), bound(2, "max", inf)
    low = -inf if low <= -3.4e38 else low
    high = inf if high >= 3.4e38 else high
    act = next((a for a in Act if a.bounds == (low, high)), None)
    if act is Act.NONE:
        node.alias(node.ins[0])
    elif act is not None:
        node.emit(Relu(name=node.label(), ins=node.ins[:1], outs=node.outs, act=act))
    else:
        x = node.ins[0]
        if low != -inf:
            x = _minmax(node, x, node.floats("low", np.array(low)), True)
        if high != inf:
            x = _minmax(node, x, node.floats("high", np.array(high)), False)
        node.alias(x)


def relu(node: OnnxNode) -> None:
    node.emit(Relu(name=node.label(), ins=node.ins, outs=node.outs, act=Act.RELU))


def leaky_relu(node: OnnxNode) -> None:
    node.emit(LeakyRelu(name=node.label(), ins=node.ins, outs=node.outs,
                        alpha=node.real("alpha", 0.01)))


def elu(node: OnnxNode) -> None:
    node.emit(Elu(name=node.label(), ins=node.ins, outs=node.outs, alpha=node.real("alpha", 1.0)))


def gelu(node: OnnxNode) -> None:
    node.emit(Gelu(name=node.label(), ins=node.ins, outs=node.outs,
                   approximate=node.text("approximate", "none") == "tanh"))


def prelu(node: OnnxNode) -> None:
    node.const(1)
    node.emit(PRelu(name=node.label(), ins=node.ins, outs=node.outs))


def simple(cls: type[Logistic] | type[Tanh] | type[HardSwish]) -> Callable[[OnnxNode], None]:
    def translate(node: OnnxNode) -> None:
        node.emit(cls(name=node.label(), ins=node.ins, outs=node.outs))
    return translate


def function(node: OnnxNode, fn: Fn, x: str, a: float = 0.0, b: float = 0.0,
             out: str = "") -> str:
    """fn(x) with the function's parameters."""
    return node.emit(Function(name=node.label(), ins=(x,), outs=(out or node.temp("value"),),
                              fn_of=fn, a=a, b=b))


def unary(fn: Fn, a: tuple[str, float] = ("", 0.0),
          b: tuple[str, float] = ("", 0.0)) -> Callable[[OnnxNode], None]:
    """A function whose parameters are attributes with defaults."""
    def translate(node: OnnxNode) -> None:
        function(node, fn, node.ins[0], node.real(*a), node.real(*b), node.outs[0])
    return translate


def pow_(node: OnnxNode) -> None:
    """x to a constant power."""
    exponent = node.const(1)
    node.require(exponent.size == 1 and exponent.ndim <= len(node.shape(0)),
                 f"exponents of shape {exponent.shape}", "one exponent", "use one exponent")
    function(node, Fn.POWER, node.ins[0], float(exponent.reshape(-1)[0]), 0.0, node.outs[0])


def batch_norm(node: OnnxNode) -> None:
    """BatchNormalization in inference: a factor and an offset for each channel."""
    node.require(not [o for o in node.outs[1:] if o] and not node.integer("training_mode", 0),
                 "is in training mode", "inference", "export after model.eval()")
    scale, shift, mu, var = (np.asarray(node.const(i), np.float64).reshape(-1)
                             for i in range(1, 5))
    channels = node.shape(0)[1] if len(node.shape(0)) > 1 else 1
    if any(v.size != channels for v in (scale, shift, mu, var)):
        raise ModelError(node.place, f"parameters for other than {channels} channels", "", FIX)
    factor = scale / np.sqrt(var + node.real("epsilon", 1e-5))
    if not np.isfinite(factor).all():
        raise ModelError(node.place, "variances that are negative or not finite", "", FIX)
    shape = (channels,) + (1,) * (len(node.shape(0)) - 2)
    x = binary(node, Mul, node.ins[0], node.floats("factor", factor.reshape(shape)))
    binary(node, Add, x, node.floats("offset", (shift - mu * factor).reshape(shape)), node.outs[0])


def arg_extreme(is_max: bool) -> Callable[[OnnxNode], None]:
    """ArgMax or ArgMin along one axis."""
    def translate(node: OnnxNode) -> None:
        node.emit(ArgExtreme(
            name=node.label(), ins=node.ins[:1], outs=node.outs, is_max=is_max,
            axis=node.axis(node.integer("axis", 0), len(node.shape(0))),
            keep_dims=bool(node.integer("keepdims", 1)),
            last=bool(node.integer("select_last_index", 0))))
    return translate


# along an axis


def softmax(node: OnnxNode) -> None:
    _softmax(node, node.outs[0], Softmax)


def log_softmax(node: OnnxNode) -> None:
    _softmax(node, node.outs[0], LogSoftmax)


def _softmax(node: OnnxNode, out: str, cls: type[Softmax] | type[LogSoftmax]) -> None:
    """Along one axis; before opset 13 over all axes from `axis` on."""
    shape, rank = node.shape(0), len(node.shape(0))
    axis = node.axis(node.integer("axis", 1 if node.opset < 13 else -1), rank)
    x, flat = node.ins[0], (prod(shape[:axis]), prod(shape[axis:]))
    swap = (*(i for i in range(rank) if i != axis), axis)
    back = tuple(swap.index(i) for i in range(rank))
    old = node.opset < 13 and axis != rank - 1
    x = node.reshaped(x, flat) if old else node.transposed(x, swap) if axis != rank - 1 else x
    plain = axis == rank - 1
    y = node.emit(cls(name=node.label(), ins=(x,), outs=(out if plain else node.temp("max"),)))
    if old:
        node.reshaped(y, shape, out)
    elif not plain:
        node.transposed(y, back, out)


def reduced_axes(node: OnnxNode) -> tuple[int, ...] | None:
    """The axes, ascending; None where there is nothing to reduce."""
    rank = len(node.shape(0))
    axes = node.numbers(1, "axes")
    if not axes:
        if node.integer("noop_with_empty_axes", 0):
            return None
        return tuple(range(rank))
    return tuple(sorted({node.axis(a, rank) for a in axes}))


def reduce_(cls: type[Reduce], before: Fn | None = None,
            after: Fn | None = None) -> Callable[[OnnxNode], None]:
    """A sum or mean, of a function of the values, and a function of the result."""
    def translate(node: OnnxNode) -> None:
        x, axes = node.ins[0], reduced_axes(node)
        if before is not None:
            x = function(node, before, x, 2.0)
        if axes:
            x = node.emit(cls(name=node.label(), ins=(x,), outs=(node.temp("sum"),), axes=axes,
                              keep_dims=bool(node.integer("keepdims", 1))))
        if after is not None:
            x = function(node, after, x)
        node.alias(x)
    return translate


def log_sum_exp(node: OnnxNode) -> None:
    reduce_(Sum, Fn.EXP, Fn.LOG)(node)


def reduce_extreme(is_max: bool) -> Callable[[OnnxNode], None]:
    """ReduceMax as a pool whose windows are the reduced axes; ReduceMin with changed signs."""
    def translate(node: OnnxNode) -> None:
        shape, axes = node.shape(0), reduced_axes(node)
        if not axes:
            node.alias(node.ins[0])
            return
        kept = tuple(i for i in range(len(shape)) if i not in axes)
        count, rest = prod(shape[i] for i in axes), prod(shape[i] for i in kept)
        x = node.ins[0] if is_max else function(node, Fn.NEGATE, node.ins[0])
        x = node.reshaped(node.transposed(x, (*axes, *kept)), (1, 1, count, rest))
        x = node.emit(MaxPool(name=node.label(), ins=(x,), outs=(node.temp("max"),),
                              kernel=(1, count)))
        x = x if is_max else function(node, Fn.NEGATE, x)
        keep = node.integer("keepdims", 1)
        node.reshaped(x, tuple(1 if i in axes else n for i, n in enumerate(shape)
                               if keep or i not in axes), node.outs[0])
    return translate


def reduce_prod(node: OnnxNode) -> None:
    """ReduceProd as products of halves, which keep the order of the other axes."""
    from edgeq.readers.onnx_shapes import emit_slice

    shape, axes = node.shape(0), reduced_axes(node) or ()
    kept = tuple(i for i in range(len(shape)) if i not in axes)
    count, rest = prod(shape[i] for i in axes), prod(shape[i] for i in kept)
    node.require(count <= 64, f"a product of {count} values", "at most 64", "sum up logarithms")
    x = node.reshaped(node.transposed(node.ins[0], (*axes, *kept)), (1, count, rest))
    while count > 1:
        half = count // 2
        bounds = (0, half), (half, 2 * half), (2 * half, count)
        parts = []
        for low, high in bounds[:2 + count % 2]:
            parts.append(node.temp("half"))
            emit_slice(node, x, parts[-1], (range(1), range(low, high), range(rest)))
        x = binary(node, Mul, parts[0], parts[1])
        if count % 2:
            x = node.emit(Concat(name=node.label(), ins=(x, parts[2]), outs=(node.temp("rest"),),
                                 axis=1))
        count = half + count % 2
    keep = node.integer("keepdims", 1)
    node.reshaped(x, tuple(1 if i in axes else n for i, n in enumerate(shape)
                           if keep or i not in axes), node.outs[0])


NODES: dict[str, Callable[[OnnxNode], None]] = {
    "Add": add, "Sub": sub, "Mul": mul, "Div": div, "Pow": pow_,
    "Sum": chain(Add), "Mean": mean, "Min": minmax(False), "Max": minmax(True),
    "Clip": clip, "Relu": relu, "LeakyRelu": leaky_relu, "Elu": elu, "Gelu": gelu,
    "PRelu": prelu, "Sigmoid": simple(Logistic), "Tanh": simple(Tanh),
    "HardSwish": simple(HardSwish),
    "BatchNormalization": batch_norm,
    "ArgMax": arg_extreme(True), "ArgMin": arg_extreme(False),
    "Softmax": softmax, "LogSoftmax": log_softmax,
    "ReduceMean": reduce_(Mean), "ReduceSum": reduce_(Sum),
    "ReduceL1": reduce_(Sum, Fn.ABS), "ReduceL2": reduce_(Sum, Fn.POWER, Fn.SQRT),
    "ReduceSumSquare": reduce_(Sum, Fn.POWER), "ReduceLogSum": reduce_(Sum, None, Fn.LOG),
    "ReduceLogSumExp": log_sum_exp,
    "ReduceMax": reduce_extreme(True), "ReduceMin": reduce_extreme(False),
    "ReduceProd": reduce_prod,
    "HardSigmoid": unary(Fn.HARD_SIGMOID, ("alpha", 0.2), ("beta", 0.5)),
    "Selu": unary(Fn.SELU, ("alpha", 1.67326319217681884765625),
                  ("gamma", 1.05070102214813232421875)),
    "Celu": unary(Fn.CELU, ("alpha", 1.0)),
    "ThresholdedRelu": unary(Fn.THRESHOLDED_RELU, ("alpha", 1.0)),
    "Shrink": unary(Fn.SHRINK, ("lambd", 0.5), ("bias", 0.0)),
    "Swish": unary(Fn.SWISH, ("alpha", 1.0)),
    **{name: unary(fn) for name, fn in {
        "Exp": Fn.EXP, "Log": Fn.LOG, "Sqrt": Fn.SQRT, "Reciprocal": Fn.RECIPROCAL,
        "Abs": Fn.ABS, "Neg": Fn.NEGATE, "Floor": Fn.FLOOR, "Ceil": Fn.CEIL, "Round": Fn.ROUND,
        "Sign": Fn.SIGN, "Erf": Fn.ERF, "Softplus": Fn.SOFTPLUS, "Softsign": Fn.SOFTSIGN,
        "Mish": Fn.MISH, "Sin": Fn.SIN, "Cos": Fn.COS, "Tan": Fn.TAN, "Asin": Fn.ASIN,
        "Acos": Fn.ACOS, "Atan": Fn.ATAN, "Sinh": Fn.SINH, "Cosh": Fn.COSH, "Asinh": Fn.ASINH,
        "Acosh": Fn.ACOSH, "Atanh": Fn.ATANH,
    }.items()},
}
