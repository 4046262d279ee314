"""Every operator in PyTorch on reals: what gradients flow through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional as f

from edgeq.errors import UnsupportedError
from edgeq.ops.base import Op
from edgeq.ops.concat import Concat, Pack
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.elementwise import Add, Mul, Sub
from edgeq.ops.gather import Gather
from edgeq.ops.lut import Unary
from edgeq.ops.minmax import MinMax
from edgeq.ops.pad import Pad
from edgeq.ops.pool import AveragePool, MaxPool
from edgeq.ops.prelu import PRelu
from edgeq.ops.reduce import Mean, Sum
from edgeq.ops.reshape import Reshape
from edgeq.ops.softmax import Softmax

Value = Any  # torch.Tensor: PyTorch is optional, so that its types are unknown to the type checker

_STEP = 1e-3  # of the difference quotient that stands for the slope of a function of one value


def differentiable(op: Op) -> bool:
    """True where `run` can pass gradients through `op`."""
    return isinstance(op, Conv2D | DepthwiseConv2D | Dense | Add | Sub | Mul | MinMax | PRelu
                      | AveragePool | MaxPool | Mean | Sum | Pad | Concat | Pack | Reshape
                      | Gather | Softmax | Unary)


def check(op: Op) -> None:
    """Raise UnsupportedError where gradients cannot go through `op`."""
    if not differentiable(op):
        raise UnsupportedError(f"{type(op).__name__} {op.name!r}", "no gradient is known for it",
                               "convolutions, dense layers, pools and elementwise operators",
                               "train outside edgeq and export with QDQ nodes (docs/qat.md)")


def run(op: Op, xs: Sequence[Value]) -> Value:
    """The output of a `differentiable` operator, in the layouts of `op.run`."""
    match op:
        case Conv2D() | DepthwiseConv2D():
            return _act(op, _convolve(op, *xs))
        case Dense():
            y = f.linear(xs[0].reshape(-1, xs[1].shape[1]), xs[1], xs[2])
            shape = (*xs[0].shape[:-1], -1) if op.keep_dims else y.shape
            return _act(op, y.reshape(shape))
        case Add():
            return _act(op, xs[0] + xs[1])
        case Sub():
            return _act(op, xs[0] - xs[1])
        case Mul():
            return _act(op, xs[0] * xs[1])
        case AveragePool() | MaxPool():
            return _act(op, _pool(op, xs[0]))
        case _:
            return _without_weights(op, xs)


def _without_weights(op: Op, xs: Sequence[Value]) -> Value:
    match op:
        case MinMax():
            return (torch.maximum if op.is_max else torch.minimum)(xs[0], xs[1])
        case PRelu():
            return torch.where(xs[0] >= 0, xs[0], xs[0] * xs[1])
        case Mean():
            return xs[0].mean(op.axes, keepdim=op.keep_dims)
        case Sum():
            return xs[0].sum(op.axes, keepdim=op.keep_dims)
        case Pad():
            flat = [n for pair in reversed(op.pads) for n in pair]
            return f.pad(xs[0], flat, value=op.value)
        case Pack():
            return torch.stack(tuple(xs), op.axis)
        case Concat():
            return torch.cat(tuple(xs), op.axis)
        case Reshape():
            return xs[0].reshape(-1, *op.to[1:]) if op.to else xs[0].reshape(())
        case Gather():
            return _View.apply(xs[0], op)
        case Softmax():
            return torch.softmax(op.beta * xs[0], -1)
        case Unary():
            return _Function.apply(xs[0], op)
        case _:
            raise AssertionError(f"{type(op).__name__} is not differentiable")


def _act(op: Op, y: Value) -> Value:
    low, high = op.act.bounds  # type: ignore[attr-defined]
    return y if (low, high) == (-np.inf, np.inf) else torch.clamp(y, low, high)


def _convolve(op: Conv2D | DepthwiseConv2D, x: Value, w: Value, b: Value) -> Value:
    """Both convolutions; PyTorch wants channels in front, weights (out_c, in_c / groups, ...)."""
    (top, bottom), (left, right) = op.pad
    planes = f.pad(x.permute(0, 3, 1, 2), (left, right, top, bottom))
    if isinstance(op, DepthwiseConv2D):
        kernel, groups = w.permute(3, 0, 1, 2), x.shape[3]
    else:
        kernel, groups = w.permute(0, 3, 1, 2), 1
    y = f.conv2d(planes, kernel, b, op.stride, 0, op.dilation, groups)
    return y.permute(0, 2, 3, 1)


def _pool(op: AveragePool | MaxPool, x: Value) -> Value:
    (top, bottom), (left, right) = op.pad
    border, planes = (left, right, top, bottom), x.permute(0, 3, 1, 2)
    if isinstance(op, MaxPool):
        y = f.max_pool2d(f.pad(planes, border, value=-np.inf), op.kernel, op.stride)
    else:
        inside = f.pad(torch.ones_like(planes[:1, :1]), border)
        share = f.avg_pool2d(inside, op.kernel, op.stride)  # padding does not count
        y = f.avg_pool2d(f.pad(planes, border), op.kernel, op.stride) / share
    return y.permute(0, 2, 3, 1)


class _Function(torch.autograd.Function):
    """A function of one value by its own numpy code; its slope is a difference quotient."""

    @staticmethod
    def forward(ctx: Any, x: Value, op: Unary) -> Value:
        values = x.detach().numpy()
        high, low = op.fn32(values + np.float32(_STEP)), op.fn32(values - np.float32(_STEP))
        ctx.save_for_backward(torch.from_numpy((high - low) / np.float32(2 * _STEP)))
        return torch.from_numpy(op.fn32(values))

    @staticmethod
    def backward(ctx: Any, grad: Value) -> tuple[Value, None]:
        (slope,) = ctx.saved_tensors
        return grad * slope, None


class _View(torch.autograd.Function):
    """Values that are moved or left out: each gradient goes back to where its value came from."""

    @staticmethod
    def forward(ctx: Any, x: Value, op: Gather) -> Value:
        ctx.shape = x.shape
        places = np.arange(x.numel()).reshape(x.shape)
        ctx.places = torch.from_numpy(np.ascontiguousarray(op.view(places)))
        return x.reshape(-1)[ctx.places]

    @staticmethod
    def backward(ctx: Any, grad: Value) -> tuple[Value, None]:
        back = torch.zeros(int(np.prod(ctx.shape)), dtype=grad.dtype)
        back.index_add_(0, ctx.places.reshape(-1), grad.reshape(-1))
        return back.reshape(ctx.shape), None
