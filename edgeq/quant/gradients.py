"""Gradients through float operators: from their outputs to their inputs and constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf, prod

import numpy as np

from edgeq.ir import FloatArray
from edgeq.layers import act_of
from edgeq.ops.base import Act, Op
from edgeq.ops.concat import Concat
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.div import Div
from edgeq.ops.elementwise import Add, Binary, Mul, Sub
from edgeq.ops.gather import Gather
from edgeq.ops.layer_norm import LayerNorm
from edgeq.ops.lut import Unary
from edgeq.ops.mac import batch_chunks
from edgeq.ops.matmul import MatMul
from edgeq.ops.pad import Pad
from edgeq.ops.pool import AveragePool, MaxPool
from edgeq.ops.recurrent import Recurrent
from edgeq.ops.reduce import Mean, Reduce
from edgeq.ops.requantize import Requantize
from edgeq.ops.softmax import Softmax
from edgeq.ops.transpose_conv import TransposeConv
from edgeq.ops.windows import Window
from edgeq.quant.gradients_time import back_through_time, unrolls

Grads = tuple[FloatArray, ...]

_CLASSES = (Add, AveragePool, Concat, Conv2D, Dense, DepthwiseConv2D, Div, Gather, LayerNorm,
            MatMul, MaxPool, Mul, Pad, Reduce, Requantize, Softmax, Sub, TransposeConv, Unary)
_STEP = 1e-4  # of the difference quotient of an elementwise function, for values near 1


def differentiable(op: Op) -> bool:
    """True for the operators that `pull_back` knows."""
    return op.is_view or isinstance(op, _CLASSES) or unrolls(op)


def pull_back(op: Op, xs: Sequence[FloatArray], y: FloatArray, grad: FloatArray) -> Grads:
    """d loss / d x for each input of `op`, from `grad` = d loss / d y at y = op.run(*xs).

    Activations have the batch in front. Where a clamp or maximum has no derivative, one of its
    sides counts.
    """
    if op.is_view or isinstance(op, Requantize):
        return (grad.reshape(xs[0].shape),)
    grad = through_act(act_of(op), y, grad)
    if isinstance(op, Conv2D):
        return _conv(op, xs, grad)
    if isinstance(op, DepthwiseConv2D):
        return _depthwise(op, xs, grad)
    if isinstance(op, Dense):
        rows, g = xs[0].reshape(-1, xs[1].shape[1]), grad.reshape(-1, xs[1].shape[0])
        return (g @ xs[1]).reshape(xs[0].shape), g.T @ rows, g.sum(0)
    if isinstance(op, TransposeConv):
        return _transposed(op, xs, grad)
    if isinstance(op, Recurrent):
        return back_through_time(op, xs, grad)
    if isinstance(op, LayerNorm):
        return _norm(op, xs, grad)
    if isinstance(op, MatMul):
        return _matmul(op, xs, grad)
    return _simple(op, xs, y, grad)


def _simple(op: Op, xs: Sequence[FloatArray], y: FloatArray, grad: FloatArray) -> Grads:
    """Operators without weights whose gradient is a line or two."""
    if isinstance(op, Binary):
        return _binary(op, xs, grad)
    if isinstance(op, AveragePool | MaxPool):
        return (_pool(op, xs[0], y, grad),)
    if isinstance(op, Reduce):
        return (_reduce(op, xs[0], grad),)
    if isinstance(op, Concat):
        ends = np.cumsum([x.shape[op.axis] for x in xs])[:-1]
        return tuple(np.split(grad, ends, op.axis))
    if isinstance(op, Pad):
        pads = zip(op.pads, xs[0].shape, strict=True)
        return (grad[tuple(slice(a, size + a) for (a, _), size in pads)],)
    if isinstance(op, Softmax):
        return (np.float32(op.beta) * y * (grad - (grad * y).sum(-1, keepdims=True)),)
    if isinstance(op, Gather):
        total = np.zeros(xs[0].shape, np.float32)
        op.view(total)[...] = grad
        return (total,)
    assert isinstance(op, Unary), f"{type(op).__name__} has no gradient"
    return (_elementwise(op, xs[0]) * grad,)


def through_act(act: Act, y: FloatArray, grad: FloatArray) -> FloatArray:
    """`grad` in front of the activation that made `y`."""
    if act is Act.NONE:
        return grad
    low, high = act.bounds
    passed = y > np.float32(low)
    if high < inf:
        passed &= y < np.float32(high)
    return np.asarray(grad * passed)


def _conv(op: Conv2D, xs: Sequence[FloatArray], grad: FloatArray) -> Grads:
    x, w, _ = xs
    rows, window = w.reshape(w.shape[0], -1), op.window(w.shape)
    by_weight, by_x = np.zeros(rows.shape, np.float32), np.empty(x.shape, np.float32)
    for part in batch_chunks(len(x), 4 * prod(grad.shape[1:3]) * rows.shape[1]):
        g = grad[part].reshape(-1, w.shape[0])
        patches = window.patches(x[part], 0.0)  # (n, oh, ow, kh, kw, c)
        by_weight += g.T @ patches.reshape(-1, rows.shape[1])
        by_x[part] = _scattered(window, (g @ rows).reshape(patches.shape), x[part].shape)
    return by_x, by_weight.reshape(w.shape), grad.reshape(-1, w.shape[0]).sum(0)


def _scattered(window: Window, patches: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """The sum of all patches (n, oh, ow, kh, kw, c) at their places in (n, h, w, c)."""
    if window == Window(1, 1):
        return patches.reshape(shape)
    (top, bottom), (left, right) = window.pad
    n, h, w, c = shape
    total = np.zeros((n, h + top + bottom, w + left + right, c), np.float32)
    taps = replace(window, pad=((0, 0), (0, 0))).taps(total, 0.0)  # views into `total`
    for at, tap in zip(np.ndindex(window.kh, window.kw), taps, strict=True):
        tap += patches[:, :, :, at[0], at[1]]
    return total[:, top:top + h, left:left + w]


def _depthwise(op: DepthwiseConv2D, xs: Sequence[FloatArray], grad: FloatArray) -> Grads:
    x, w, _ = xs
    window, in_c = op.window(w.shape), x.shape[3]
    w_taps = w.reshape(-1, in_c, w.shape[3] // in_c)  # (taps, in_c, m)
    by_weight, by_x = np.zeros(w_taps.shape, np.float32), np.empty(x.shape, np.float32)
    (top, _), (left, _) = window.pad
    bare = replace(window, pad=((0, 0), (0, 0)))
    for i in range(len(x)):
        padded = window.padded(x[i:i + 1], 0.0)
        total = np.zeros(padded.shape, np.float32)
        g = grad[i:i + 1].reshape(*grad[i:i + 1].shape[:3], in_c, -1)  # (1, oh, ow, in_c, m)
        single = g[..., 0] if g.shape[-1] == 1 else None
        for t, (tap, out) in enumerate(zip(bare.taps(padded, 0.0), bare.taps(total, 0.0),
                                           strict=True)):
            if single is not None:
                by_weight[t, :, 0] += np.einsum("nhwc,nhwc->c", tap, single)
                out += single * w_taps[t, :, 0]
            else:
                by_weight[t] += np.einsum("nhwc,nhwcm->cm", tap, g)
                out += np.einsum("nhwcm,cm->nhwc", g, w_taps[t])
        by_x[i] = total[0, top:top + x.shape[1], left:left + x.shape[2]]
    return by_x, by_weight.reshape(w.shape), grad.reshape(-1, w.shape[3]).sum(0)


def _transposed(op: TransposeConv, xs: Sequence[FloatArray], grad: FloatArray) -> Grads:
    x, w, _ = xs
    n, h, width, _ = x.shape
    out_c, kh, kw, _ = w.shape
    (sy, sx), (out_h, out_w) = op.stride, op.size
    full = np.zeros((n, max((h - 1) * sy + kh, op.top + out_h),
                     max((width - 1) * sx + kw, op.left + out_w), out_c), np.float32)
    full[:, op.top:op.top + out_h, op.left:op.left + out_w] = grad
    by_x, by_weight = np.zeros(x.shape, np.float32), np.empty(w.shape, np.float32)
    for ky, kx in np.ndindex(kh, kw):
        part = full[:, ky:ky + h * sy:sy, kx:kx + width * sx:sx]
        by_x += part @ w[:, ky, kx]
        by_weight[:, ky, kx] = part.reshape(-1, out_c).T @ x.reshape(-1, x.shape[3])
    return by_x, by_weight, grad.reshape(-1, out_c).sum(0)


def _norm(op: LayerNorm, xs: Sequence[FloatArray], grad: FloatArray) -> Grads:
    """With n the normalized values and g = grad * gamma: (g - mean(g n) n) / deviation, centred."""
    x, gamma, _ = xs
    axes, batch = tuple(range(-gamma.ndim, 0)), tuple(range(x.ndim - gamma.ndim))
    d = x - x.mean(axes, keepdims=True) if op.centered else x
    root = 1 / np.sqrt(np.square(d).mean(axes, keepdims=True) + np.float32(op.epsilon))
    n, g = d * root, grad * gamma
    by_d = root * (g - n * (g * n).mean(axes, keepdims=True))
    by_x = by_d - by_d.mean(axes, keepdims=True) if op.centered else by_d
    return np.asarray(by_x, np.float32), (grad * n).sum(batch), grad.sum(batch)


def _matmul(op: MatMul, xs: Sequence[FloatArray], grad: FloatArray) -> Grads:
    """For y = factor a b: a gets factor grad b', b factor a' grad, each in its order of axes."""
    a, b = xs[0].transpose(op.a_axes), xs[1].transpose(op.b_axes)
    g = np.float32(op.factor) * grad.transpose(np.argsort(op.y_axes))
    by_a = _repeated(np.matmul(g, b.swapaxes(-1, -2)), a.shape)
    by_b = _repeated(np.matmul(a.swapaxes(-1, -2), g), b.shape)
    return by_a.transpose(np.argsort(op.a_axes)), by_b.transpose(np.argsort(op.b_axes))


def _binary(op: Binary, xs: Sequence[FloatArray], grad: FloatArray) -> Grads:
    a, b = xs
    if isinstance(op, Mul):
        return _repeated(grad * b, a.shape), _repeated(grad * a, b.shape)
    if isinstance(op, Div):
        return _repeated(grad / b, a.shape), _repeated(-grad * a / np.square(b), b.shape)
    sign = -1.0 if isinstance(op, Sub) else 1.0
    return _repeated(grad, a.shape), _repeated(np.float32(sign) * grad, b.shape)


def _repeated(grad: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """`grad` summed over the axes along which an operand of `shape` was repeated."""
    extra = grad.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(
        i + extra for i, size in enumerate(shape) if size == 1 and grad.shape[i + extra] > 1)
    return np.asarray(grad.sum(axes, keepdims=True).reshape(shape)) if axes else grad


def _pool(op: AveragePool | MaxPool, x: FloatArray, y: FloatArray,
          grad: FloatArray) -> FloatArray:
    window = op.window
    (top, _), (left, _) = window.pad
    fill = 0.0 if isinstance(op, AveragePool) else -np.inf
    padded = window.padded(x, fill)
    total = np.zeros(padded.shape, np.float32)
    bare = replace(window, pad=((0, 0), (0, 0)))
    if isinstance(op, AveragePool):
        ones = np.ones((1, *x.shape[1:3], 1), np.float32)
        grad = grad / window.patches(ones, 0.0).sum((3, 4))
    open_ = np.ones(y.shape, bool)  # windows whose maximum was not met yet
    for tap, out in zip(bare.taps(padded, fill), bare.taps(total, 0.0), strict=True):
        if isinstance(op, AveragePool):
            out += grad
        else:
            hit = open_ & (tap == y)
            out += grad * hit
            open_ &= ~hit
    return total[:, top:top + x.shape[1], left:left + x.shape[2]]


def _reduce(op: Reduce, x: FloatArray, grad: FloatArray) -> FloatArray:
    kept = [1 if i in op.axes else size for i, size in enumerate(x.shape)]
    share = prod(x.shape[a] for a in op.axes) if isinstance(op, Mean) else 1
    return np.broadcast_to(grad.reshape(kept) / np.float32(share), x.shape)


def _elementwise(op: Unary, x: FloatArray) -> FloatArray:
    """The derivative of an elementwise function, by a central difference in float64."""
    wide = np.asarray(x, np.float64)
    step = _STEP * np.maximum(np.abs(wide), 1.0)
    slope = (op.fn(wide + step) - op.fn(wide - step)) / (2 * step)
    return np.asarray(slope, np.float32)
