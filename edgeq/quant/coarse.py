"""Weights of few levels: 4 bits with factors for groups of inputs, three levels, two levels.

A weight is scale * factor * level (kernels/levels.py). The factor of a group is the integer next to
the group's own best step over the channel's scale that errs less, 1 without groups. Sources: Dai et
al. 2021 (VS-Quant), equation 7; Li and Liu 2016 (ternary weights), equation 3, whose least square
error is found by search here; Rastegari et al. 2016 (XNOR-Net), equation 6, for two levels.
"""

from __future__ import annotations

from dataclasses import replace
from math import gcd

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import FloatArray, IntArray, QuantParams, Tensor
from edgeq.kernels.levels import MOST_FACTOR, TOP
from edgeq.layers import MacView
from edgeq.quant.compensate import as_weights, rounding_problem
from edgeq.quant.params import symmetric_params

Matrix = NDArray[np.float64]

_SHARES = {4: np.linspace(1.0, 0.5, 26), 2: np.linspace(1.0, 0.1, 46)}  # of the largest weight
_FACTORS = (1.0, 0.8, 0.9, 1.1, 1.25)  # of the scale at hand, under compensation
_DAMP, _SWEEPS = 0.001, 3  # as in compensate.py
_LEAST_RUN = 16  # weights that share a factor: kernels take so many at once


def is_coarse(q: QuantParams) -> bool:
    """True for weights that this module quantizes."""
    return q.group > 0 or q.bits in (1, 2)


def exact_bits(layer: MacView) -> int | None:
    """1 or 2 where the float weights of every channel are -a and a, or -a, 0 and a; else None.

    Networks trained with two or three levels (Larq, BNN, TWN) are so; their weights lose nothing.
    """
    size = np.abs(layer.out_rows())
    most = size.max(1, keepdims=True)
    if layer.depthwise or not most.all() or np.any((size != most) & (size != 0)):
        return None
    return 1 if size.all() else 2


def group_of(layer: MacView, bits: int, wanted: int) -> int:
    """The group size that the layer's kernels take: `wanted`, or 0 where factors do not fit."""
    in_c = int(layer.weight.shape[-1])
    takes = bits in (2, 4) and gcd(wanted, in_c) % _LEAST_RUN == 0 and not layer.depthwise
    return wanted if wanted > 0 and takes else 0


def coarse_scale(rows: Matrix, run: int, bits: int) -> Matrix:
    """Real scales (out_c,) of weight rows (out_c, k); each `run` (0: a row) shares a factor."""
    steps = best_steps(_parts(rows, run), bits).max(1)
    return np.asarray(steps / (MOST_FACTOR[bits] if run else 1))


def best_steps(parts: Matrix, bits: int) -> Matrix:
    """The step of each part (n, runs, size) with the least square error: (n, runs)."""
    size = np.abs(parts)
    if bits == 1:
        return np.asarray(size.mean(2))
    most, top = size.max(2), TOP[bits]
    safe = np.where(most > 0, most, 1.0)[..., None]
    unit = parts / safe * top  # in [-top, top]
    errors = [((np.clip(np.rint(unit / f), -top, top) * f - unit) ** 2).sum(2)
              for f in _SHARES[bits]]
    return np.asarray(most / top * _SHARES[bits][np.argmin(errors, axis=0)])


def coarse_integers(weight: FloatArray, q: QuantParams) -> IntArray:
    """`weight` (out_c, ..., in_c) as int8 under `q`, rounded to nearest."""
    rows = np.asarray(weight, np.float64).reshape(weight.shape[0], -1)
    run = run_of(q, weight.shape[-1])
    factors = _factors(rows, run, q.scale, q.bits)
    step = np.broadcast_to(q.scale, (len(rows),))[:, None] * factors
    return (_snap(rows / step, q.bits) * factors).reshape(weight.shape).astype(np.int8)


def run_of(q: QuantParams, in_c: int) -> int:
    """Neighbouring weights that share a factor; 0: those of a whole row."""
    return gcd(q.group, in_c) if q.group else 0


def coarse_rounded(view: MacView, x: FloatArray, wanted: FloatArray, old: Tensor) -> Tensor:
    """The weights `old` with new scales and integers, rounded with error compensation.

    `x` are the layer's quantized inputs, `wanted` the float ones. The factors follow the weights
    that suit `x` best; of several scales each channel takes the one that errs least.
    """
    problem, q = rounding_problem(view, x, wanted), old.params
    if problem is None or exact_bits(view) == q.bits:
        return old
    rows, moments = problem[0][0], problem[1][0]
    factors = _factors(rows, run_of(q, view.weight.shape[-1]), q.scale, q.bits)
    scale = np.broadcast_to(q.scale, (len(rows),))
    best, chosen, ints = np.full(len(rows), np.inf), scale, np.zeros(rows.shape)
    for share in _FACTORS if q.axis is not None else _FACTORS[:1]:
        step = np.asarray(scale * share, np.float32).astype(np.float64)
        levels = _compensated(rows, moments, step[:, None] * factors, q.bits)
        error = levels * factors * step[:, None] - rows
        cost = np.einsum("ok,kl,ol->o", error, moments, error, optimize=True)
        better = cost < best
        best, chosen = np.where(better, cost, best), np.where(better, step, chosen)
        ints = np.where(better[:, None], levels * factors, ints)
    params = q if q.axis is None else replace(
        symmetric_params(chosen, q.bits, q.axis), group=q.group)
    return replace(old, data=as_weights(view, ints[None]), q=params)


def _parts(rows: Matrix, run: int) -> Matrix:
    return rows.reshape(len(rows), -1, run or rows.shape[1])


def _factors(rows: Matrix, run: int, scale: Matrix, bits: int) -> Matrix:
    """The factor of every weight: like `rows`."""
    if run == 0:
        return np.ones(rows.shape)
    parts = _parts(rows, run) / np.broadcast_to(scale, (len(rows),))[:, None, None]
    below = np.floor(best_steps(parts, bits))
    tried = [np.clip(below + i, 1, MOST_FACTOR[bits])[..., None] for i in range(2)]
    errors = [((_snap(parts / m, bits) * m - parts) ** 2).sum(2, keepdims=True) for m in tried]
    factors = np.where(errors[0] <= errors[1], tried[0], tried[1])
    return np.broadcast_to(factors, parts.shape).reshape(rows.shape)


def _snap(x: Matrix, bits: int) -> Matrix:
    """The level nearest to `x`."""
    if bits == 1:
        return np.where(x < 0, -1.0, 1.0)
    return np.asarray(np.clip(np.rint(x), -TOP[bits], TOP[bits]))


def _compensated(rows: Matrix, moments: Matrix, step: Matrix, bits: int) -> Matrix:
    """Levels of `rows` (out, k) by `step`, each error moved into the weights still to come.

    Source: Frantar et al. 2023 (GPTQ), equations 2 and 3, then coordinate descent.
    """
    k = rows.shape[1]
    variance = np.diag(moments)
    order = np.argsort(-variance, kind="stable")
    damped = moments + (_DAMP * variance.mean() + 1e-12) * np.eye(k)
    upper = np.linalg.cholesky(np.linalg.inv(damped[order][:, order])).T
    left, levels = rows[:, order].copy(), np.empty_like(rows)
    for j, at in enumerate(order):
        levels[:, at] = _snap(left[:, j] / step[:, at], bits)
        error = (left[:, j] - levels[:, at] * step[:, at]) / upper[j, j]
        left[:, j + 1:] -= error[:, None] * upper[j, j + 1:]
    for _ in range(_SWEEPS):
        error = levels * step - rows
        for at in order:
            pull = error @ damped[:, at] / damped[at, at]
            better = _snap(levels[:, at] - pull / step[:, at], bits)
            error[:, at] += (better - levels[:, at]) * step[:, at]
            levels[:, at] = better
    return levels
