"""TFLite nodes of float models that are written as other functions: quotients, powers, pools."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tflite

from edgeq.errors import ModelError
from edgeq.ir import Tensor
from edgeq.ops.base import Act, Op
from edgeq.ops.dense import Dense
from edgeq.ops.elementwise import Add, Mul, Sub
from edgeq.ops.function import Fn, Function
from edgeq.ops.minmax import MinMax
from edgeq.ops.pool import AveragePool
from edgeq.readers.node import TfliteNode
from edgeq.readers.parts import FIX, Parts


def _only_float(node: TfliteNode) -> None:
    node.require(all(node.tensors[n].q is None for n in node.ins), "quantized already",
                 "a float model", "start from the float model")


def _function(p: Parts, x: str, fn: Fn, a: float = 0.0) -> str:
    return p.emit(Function(name=p.label(), ins=(x,), outs=(p.temp(),), fn_of=fn, a=a), None)


def _quotient(p: Parts) -> str:
    """floor(x / y) for a constant y without zeros."""
    x, y = p.node.ins
    _only_float(p.node)
    divisor = p.node.const(1).astype(np.float64)
    p.node.require(bool((divisor != 0).all()), "divides by 0", "other divisors",
                   "check the constants of the model")
    inverse = f"{p.node.name}/inverse"
    p.node.tensors[inverse] = Tensor(inverse, divisor.shape, (1.0 / divisor).astype(np.float32))
    y = p.emit(Mul(name=p.label(), ins=(x, inverse), outs=(p.temp(),)), None)
    return _function(p, y, Fn.FLOOR)


def floor_div(node: TfliteNode) -> tuple[Op, ...]:
    """FLOOR_DIV by a constant: floor(x / y)."""
    p = Parts(node)
    return p.done(_quotient(p))


def floor_mod(node: TfliteNode) -> tuple[Op, ...]:
    """FLOOR_MOD by a constant: x - floor(x / y) * y."""
    p = Parts(node)
    part = p.emit(Mul(name=p.label(), ins=(_quotient(p), node.ins[1]), outs=(p.temp(),)), None)
    return p.done(p.emit(Sub(name=p.label(), ins=(node.ins[0], part), outs=(p.temp(),)), None))


def power(node: TfliteNode) -> tuple[Op, ...]:
    """POW to one constant exponent."""
    _only_float(node)
    exponent = node.const(1)
    node.require(exponent.size == 1, f"exponents of shape {exponent.shape}", "one exponent",
                 "use one exponent")
    return (Function(name=node.name, ins=node.ins[:1], outs=node.outs, fn_of=Fn.POWER,
                     a=float(exponent.reshape(-1)[0])),)


def add_n(node: TfliteNode) -> tuple[Op, ...]:
    """ADD_N: one sum after the other."""
    p, x = Parts(node), node.ins[0]
    _only_float(node)
    for other in node.ins[1:]:
        x = p.emit(Add(name=p.label(), ins=(x, other), outs=(p.temp(),)), None)
    return p.done(x)


def l2_pool(node: TfliteNode) -> tuple[Op, ...]:
    """L2_POOL_2D: the root of the mean of squares in each window."""
    _only_float(node)
    raw, opts, p = node.options(tflite.Pool2DOptions), node.conv_options(), Parts(node)
    kernel = (raw.FilterHeight(), raw.FilterWidth())
    x = _function(p, node.ins[0], Fn.POWER, 2.0)
    x = p.emit(AveragePool(name=p.label(), ins=(x,), outs=(p.temp(),), kernel=kernel,
                           stride=opts.stride, pad=node.padding(*kernel, opts)), None)
    node.require(opts.act is Act.NONE, "a fused activation", "none", "put the activation behind")
    return p.done(_function(p, x, Fn.SQRT))


def unit_clip(node: TfliteNode) -> tuple[Op, ...]:
    """RELU_0_TO_1 of float models."""
    p, x = Parts(node), node.ins[0]
    _only_float(node)
    for name, bound, is_max in (("low", 0.0, True), ("high", 1.0, False)):
        name = f"{node.name}/{name}"
        node.tensors[name] = Tensor(name, (), np.array(bound, np.float32))
        x = p.emit(MinMax(name=p.label(), ins=(x, name), outs=(p.temp(),), is_max=is_max), None)
    return p.done(x)


def response_norm(node: TfliteNode) -> tuple[Op, ...]:
    """LOCAL_RESPONSE_NORMALIZATION: x * (bias + alpha * sum of near squares) ** -beta."""
    _only_float(node)
    opts, p = node.options(tflite.LocalResponseNormalizationOptions), Parts(node)
    shape = node.shape(0)
    if opts.Radius() < 0 or len(shape) != 4:
        raise ModelError(node.name, f"radius {opts.Radius()} of {shape}", "an image", FIX)
    c = shape[3]
    band = np.abs(np.subtract.outer(np.arange(c), np.arange(c))) <= opts.Radius()
    weight, bias = f"{node.name}/band", f"{node.name}/bias"
    node.tensors[weight] = Tensor(weight, (c, c), (band * opts.Alpha()).astype(np.float32))
    node.tensors[bias] = Tensor(bias, (c,), np.full(c, opts.Bias(), np.float32))
    squares = _function(p, node.ins[0], Fn.POWER, 2.0)
    sums = p.emit(Dense(name=p.label(), ins=(squares, weight, bias), outs=(p.temp(),),
                        keep_dims=True), None)
    factor = _function(p, sums, Fn.POWER, -opts.Beta())
    return p.done(p.emit(Mul(name=p.label(), ins=(node.ins[0], factor), outs=(p.temp(),)), None))


NODES: dict[str, Callable[[TfliteNode], tuple[Op, ...]]] = {
    "FLOOR_DIV": floor_div,
    "FLOOR_MOD": floor_mod,
    "POW": power,
    "ADD_N": add_n,
    "L2_POOL_2D": l2_pool,
    "RELU_0_TO_1": unit_clip,
    "LOCAL_RESPONSE_NORMALIZATION": response_norm,
}
