"""Rounding with error compensation: a weight's error goes into the weights not yet rounded."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import FloatArray, IntArray, QuantParams
from edgeq.layers import MacView
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D

Matrix = NDArray[np.float64]

MOST_ROWS = 1 << 14  # input vectors that a layer's second moments are taken from
MOST_INPUTS = 2048  # larger layers are rounded to nearest
_BEAM, _SMALL = 16, 16  # partial solutions that rounding keeps for layers of few inputs
_SEARCH_VALUES = 1 << 18  # numbers that one search works on
_SWEEPS = 3
HOLD = 0.1  # of the mean variance: how much moving a trained weight costs
_ENOUGH = 8  # input vectors a weight, below which weights are not moved
_DAMP = 0.001  # of the mean variance, added to every variance


def compensated(view: MacView, x: FloatArray, wanted: FloatArray,
                q: QuantParams) -> IntArray | None:
    """Integer weights whose outputs on the quantized inputs `x` are nearest to the float outputs.

    `wanted` are the float inputs. First the real weights move to the least squares solution on
    `x`, held near the trained ones; so errors of earlier layers are mended where inputs allow.
    Then weights are rounded one input after the other; the error of each is spread over the
    inputs still to come so that the square error of the centred outputs grows least (the mean is
    left to the bias); then coordinate descent. None for layers of more than MOST_INPUTS inputs.
    Source: Frantar et al. 2023 (GPTQ), equations 2 and 3; Hassibi and Stork 1993.
    """
    problem = rounding_problem(view, x, wanted)
    if problem is None:
        return None
    groups, moments = problem
    steps = groups / np.broadcast_to(q.scale, (view.out_rows().shape[0],)).reshape(
        len(moments), -1, 1)
    return as_weights(view, round_compensated(steps, moments, float(q.qmax)))


def as_weights(view: MacView, ints: Matrix) -> IntArray:
    """Integers (g, out, k) as int8 in the shape of the layer's weights."""
    shape = np.moveaxis(view.weight, view.axis, 0).shape
    return np.moveaxis(ints.reshape(shape), 0, view.axis).astype(np.int8)


def rounding_problem(view: MacView, x: FloatArray,
                     wanted: FloatArray) -> tuple[Matrix, Matrix] | None:
    """(real weights to round (g, out, k), second moments of the inputs (g, k, k)).

    g groups of output channels, each with its own k inputs; None above MOST_INPUTS.
    """
    rows = view.out_rows().astype(np.float64)  # (out_c, k)
    k = rows.shape[1]
    if k > MOST_INPUTS:
        return None
    seen = centred(input_rows(view, x))  # (g, n, k): g groups of output channels and their inputs
    moments = np.matmul(seen.transpose(0, 2, 1), seen).astype(np.float64)  # (g, k, k)
    groups = rows.reshape(len(moments), -1, k)
    if seen.shape[1] >= _ENOUGH * k:
        cross = np.matmul(centred(input_rows(view, wanted)).transpose(0, 2, 1), seen)
        groups = mended(groups, moments, cross.astype(np.float64))
    return groups, moments


def mended(weights: Matrix, moments: Matrix, cross: Matrix) -> Matrix:
    """The real weights V that make |W xf - V xq|**2 + r |V - W|**2 least: (g, out, k).

    `moments` is the sum of xq xq', `cross` that of xf xq'; r is HOLD of the mean variance.
    """
    k = weights.shape[-1]
    hold = (HOLD * np.einsum("gkk->g", moments) / k + 1e-9)[:, None, None] * np.eye(k)
    right = np.matmul(weights, cross + hold)  # V (moments + hold) = right
    solved = np.linalg.solve(moments + hold, right.transpose(0, 2, 1))
    return np.asarray(solved.transpose(0, 2, 1))


def centred(inputs: FloatArray) -> FloatArray:
    return np.asarray(inputs - inputs.mean(1, keepdims=True), np.float32)


def round_compensated(weights: Matrix, moments: Matrix, top: float, beam: int = 1) -> Matrix:
    """Integers in [-top, top] for `weights` (g, out, k) in steps, under `moments` (g, k, k).

    Inputs of the largest variance go first, while there is most left to compensate with. Of the
    partial solutions the `beam` with the least error are kept (small layers: _BEAM), each
    continued with the nearest integer and the one on the other side: K-best search, of which a
    beam of 1 is GPTQ.
    """
    k = weights.shape[-1]
    beam = max(beam, _BEAM) if k <= _SMALL else beam
    variance = np.einsum("gkk->gk", moments)
    order = np.argsort(-variance.sum(0), kind="stable")
    damp = _DAMP * variance.mean(1)[:, None, None] + 1e-12
    moments = moments + damp * np.eye(k)
    h = moments[:, order][:, :, order]
    # upper factor of the inverse: row j says how an error in j moves into j + 1, ...
    upper = np.linalg.cholesky(np.linalg.inv(h)).transpose(0, 2, 1)
    back = np.argsort(order)
    result = np.empty_like(weights)
    for part in _rows(weights.shape, beam):
        left = weights[:, part][:, :, order]
        result[:, part] = _searched(left, upper, top, beam)[:, :, back]
    return descend(result, weights, moments, top)


def _rows(shape: tuple[int, ...], beam: int) -> Iterator[slice]:
    """Output channels in parts whose search fits in the cache."""
    g, out, k = shape
    step = max(1, _SEARCH_VALUES // (g * k * beam))
    for start in range(0, out, step):
        yield slice(start, start + step)


def _searched(left: Matrix, upper: Matrix, top: float, beam: int) -> Matrix:
    """The best of `beam` roundings (g, out, k) of `left`, errors spread by `upper` (g, k, k)."""
    g, out, k = left.shape
    flat = np.ascontiguousarray(left.reshape(g, out, 1, k))  # (g, out, beam, k) later
    done = np.zeros((g, out, 1, k))
    cost = np.zeros((g, out, 1))
    for j in range(k):
        want = flat[..., j]
        near = np.clip(np.rint(want), -top, top)
        choices = near
        if beam > 1:
            other = np.clip(near + np.where(want > near, 1.0, -1.0), -top, top)
            choices = np.concatenate([near, other], 2)
        parents = np.tile(np.arange(flat.shape[2]), choices.shape[2] // flat.shape[2])
        error = (want[:, :, parents] - choices) / upper[:, None, None, j, j]
        total = cost[:, :, parents] + error**2
        if total.shape[2] > beam:
            keep = np.argpartition(total, beam - 1, 2)[:, :, :beam]
            total, error, choices = (np.take_along_axis(a, keep, 2)
                                     for a in (total, error, choices))
            origin = parents[keep]
            flat = np.take_along_axis(flat, origin[..., None], 2)
            done = np.take_along_axis(done, origin[..., None], 2)
        else:
            flat, done = flat[:, :, parents], done[:, :, parents]
        cost = total
        done[..., j] = choices
        flat[..., j + 1:] -= error[..., None] * upper[:, None, None, j, j + 1:]
    best = cost.argmin(2)[:, :, None, None]
    return np.asarray(np.take_along_axis(done, best, 2)[:, :, 0])


def descend(ints: Matrix, weights: Matrix, moments: Matrix, top: float) -> Matrix:
    """`ints` after coordinate descent: each in turn becomes the best integer beside the others.

    The square error e' M e with e = ints - weights never grows.
    """
    ints = ints.copy()
    for _ in range(_SWEEPS):
        error = ints - weights
        for j in np.argsort(-np.einsum("gkk->k", moments), kind="stable"):
            own = np.maximum(moments[:, None, j, j], 1e-12)  # (g, 1)
            pull = np.matmul(error, moments[:, :, j, None])[..., 0] / own  # (g, out)
            better = np.clip(np.rint(ints[:, :, j] - pull), -top, top)
            error[:, :, j] += better - ints[:, :, j]
            ints[:, :, j] = better
    return ints


def input_rows(view: MacView, x: FloatArray, most: int = MOST_ROWS) -> FloatArray:
    """Up to `most` vectors that the layer reads: (1, rows, k), depthwise (in_c, rows, k)."""
    op = view.op
    if not isinstance(op, Conv2D | DepthwiseConv2D):
        flat = x.reshape(-1, view.weight.shape[1])
        return flat[_every(len(flat), most)][None]
    patches = op.window(view.weight.shape).patches(x, 0.0)  # (n, oh, ow, kh, kw, c), a view
    n, oh, ow, kh, kw, c = patches.shape
    at = np.unravel_index(_every(n * oh * ow, most), (n, oh, ow))
    rows = patches[at]  # (rows, kh, kw, c)
    if view.depthwise:
        return np.ascontiguousarray(rows.transpose(3, 0, 1, 2)).reshape(c, -1, kh * kw)
    return rows.reshape(1, -1, kh * kw * c)


def _every(total: int, most: int) -> NDArray[np.int64]:
    """At most `most` indices spread over range(total)."""
    count = min(total, most)
    return np.asarray((np.arange(count) + 0.5) * (total / count), np.int64)
