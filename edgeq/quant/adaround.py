"""AdaRound: whether each weight is rounded up or down is learned from the layer's outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import cos, inf, pi

import joblib
import numpy as np
from numpy.typing import NDArray

from edgeq.ir import FloatArray, Graph, Tensor
from edgeq.layers import MacView, act_of
from edgeq.quant.bias_correct import Rounder, correct_empirical
from edgeq.quant.coarse import is_coarse
from edgeq.quant.compensate import (
    HOLD,
    Matrix,
    as_weights,
    centred,
    descend,
    input_rows,
    round_compensated,
    rounding_problem,
)
from edgeq.quant.weight_steps import rounded

_FEW_ROWS = 2048  # input vectors that the searches behind an activation look at
_PART_VALUES = 1 << 24  # numbers that one of them works on
STRETCH = (-0.1, 1.1)  # of the sigmoid, so that it reaches 0 and 1


@dataclass(frozen=True)
class AdaRound:
    """Settings of the learning."""

    iterations: int = 1000
    batch: int = 256  # input vectors an iteration, for layers with an activation
    rows: int = 1 << 13  # input vectors kept of a layer
    rate: float = 0.03  # Adam's
    push: float = 0.3  # how strongly roundings are pushed to 0 or 1, against the loss of a weight
    aside: float = 0.25  # share of the input vectors that judge what is learned on the others
    beam: int = 8  # of the K-best search that is tried beside the learning
    sweeps: int = 2  # of coordinate descent behind the activation, at the end
    part: int = 1 << 14  # weights that one job learns
    warm: float = 0.2  # share of the iterations without that push
    beta: tuple[float, float] = (20.0, 2.0)  # exponent of the push, first and last


@dataclass(frozen=True, eq=False)
class Problem:
    """One layer: g groups of o output channels that read the same k inputs.

    Weights and integers are in steps of their channel's scale.
    """

    start: Matrix  # (g, o, k) real weights, moved to the least squares solution
    found: Matrix  # (g, o, k) integers to do better than
    scale: NDArray[np.float32]  # (g, o, 1)
    moments: Matrix  # (g, k, k) sum of x x' of the centred quantized inputs
    x: NDArray[np.float32]  # (g, n, k) these inputs
    mean: NDArray[np.float32]  # (g, 1, o) of the float outputs before the activation
    wanted: NDArray[np.float32]  # (g, n, o) the float outputs behind it
    bounds: tuple[float, float]  # of the activation
    top: float  # integers lie in [-top, top]


def adaround(real: Graph, quantized: Graph, samples: Sequence[FloatArray], settings: AdaRound,
             rng: np.random.Generator) -> Graph:
    """`quantized` with learned roundings and corrected biases of all layers (Nagel et al. 2020).

    Layer by layer: the inputs are those that the layers before, already rounded, give on the
    `samples`, the targets the outputs of the float graph `real` (asymmetric reconstruction,
    section 3.4 there).
    """
    return correct_empirical(real, quantized, samples, rounder=adaround_layer(settings, rng))


def all_learned(parts: Sequence[Problem], settings: AdaRound,
                 rng: np.random.Generator) -> list[Matrix]:
    """What is learned of each part, on the backend that joblib is told of."""
    seeds = rng.integers(0, 1 << 62, len(parts))
    found: list[Matrix] = joblib.Parallel()(joblib.delayed(learned)(p, settings, int(seed))
                                            for p, seed in zip(parts, seeds, strict=True))
    return found


def adaround_layer(settings: AdaRound, rng: np.random.Generator) -> Rounder:
    """Learns the roundings of one layer, starting from compensated rounding.

    Channels do not depend on each other: parts of them run under joblib, on the backend that
    `joblib.parallel_config` names, with the same result on any.
    """
    def rounder(view: MacView, x: FloatArray, wanted: FloatArray, old: Tensor) -> Tensor:
        start = rounded(view, x, wanted, old)
        coarse = is_coarse(start.params)  # a search of its own, see coarse.py
        problem = None if coarse else problem_of(view, start, x, wanted, settings.rows)
        if problem is None:
            return start
        parts = list(parts_of(problem, settings.part))
        axis = 1 if len(problem.start) == 1 else 0
        found = np.concatenate(all_learned(parts, settings, rng), axis)
        return replace(start, data=as_weights(view, found))

    return rounder


def parts_of(p: Problem, size: int) -> Iterator[Problem]:
    """The problem in parts of about `size` weights, by channel or by group of channels."""
    groups, out, k = p.start.shape
    if groups > 1:
        step = max(1, size // (out * k))
        for at in (slice(i, i + step) for i in range(0, groups, step)):
            yield replace(p, start=p.start[at], found=p.found[at], scale=p.scale[at],
                          moments=p.moments[at], x=p.x[at], mean=p.mean[at], wanted=p.wanted[at])
        return
    step = max(1, size // k)
    for at in (slice(i, i + step) for i in range(0, out, step)):
        yield replace(p, start=p.start[:, at], found=p.found[:, at], scale=p.scale[:, at],
                      mean=p.mean[:, :, at], wanted=p.wanted[:, :, at])


def problem_of(view: MacView, weight: Tensor, x: FloatArray, wanted: FloatArray,
               rows: int) -> Problem | None:
    """The problem of one layer; `x` are its quantized, `wanted` its float inputs.

    None for layers of more than MOST_INPUTS inputs.
    """
    found = rounding_problem(view, x, wanted)
    if found is None:
        return None
    groups, moments = found
    shape, q = groups.shape[:2], weight.params
    scale = np.broadcast_to(q.scale, (shape[0] * shape[1],)).reshape(*shape, 1)
    ints = np.moveaxis(np.asarray(weight.data, np.float64), view.axis, 0).reshape(groups.shape)
    real = view.out_rows().reshape(groups.shape)
    before = np.matmul(input_rows(view, wanted, rows), real.transpose(0, 2, 1))
    before = before + view.bias.reshape(shape[0], 1, shape[1])
    bounds = act_of(view.op).bounds
    return Problem(
        groups / scale, ints, scale.astype(np.float32), moments,
        centred(input_rows(view, x, rows)), before.mean(1, keepdims=True).astype(np.float32),
        np.clip(before, *bounds).astype(np.float32), bounds, float(q.qmax))


def learned(p: Problem, settings: AdaRound, seed: int) -> Matrix:
    """Integers (g, o, k) whose outputs are nearer to the wanted ones than those of `p.found`.

    The last rows are set aside and judge each channel, so that nothing is learned by heart.
    """
    fit, judge = _split(p, settings.aside)
    best, least = p.found, loss(judge, p.found)  # (g, o)
    for tried in (round_compensated(p.start, p.moments, p.top, settings.beam),
                  _where_open(fit, settings),
                  _annealed(fit, settings, np.random.default_rng(seed))):
        tried = _descend(fit, tried, settings.sweeps)
        now = loss(judge, tried)
        best = np.where((now < least)[..., None], tried, best)
        least = np.minimum(now, least)
    return best


def _split(p: Problem, share: float) -> tuple[Problem, Problem]:
    """The problem on the first rows and on the last `share` of them."""
    n = p.x.shape[1]
    cut = n - int(n * share)
    if cut == n:
        return p, p
    return (replace(p, x=p.x[:, :cut], wanted=p.wanted[:, :cut]),
            replace(p, x=p.x[:, cut:], wanted=p.wanted[:, cut:]))


def loss(p: Problem, ints: Matrix) -> Matrix:
    """Mean square error of each output channel behind the activation: (g, o)."""
    weights = (ints * p.scale).astype(np.float32)
    got = np.clip(np.matmul(p.x, weights.transpose(0, 2, 1)) + p.mean, *p.bounds)
    return np.asarray(np.square(got - p.wanted).mean(1), np.float64)


def _where_open(p: Problem, settings: AdaRound) -> Matrix:
    """Compensated rounding of each channel on the inputs that its activation lets through.

    There the activation is the identity, so that the loss is a quadratic form again. Few such
    inputs say little about the weights; these are held near the least squares solution at hand.
    """
    if p.bounds == (-inf, inf):
        return p.found
    (groups, out, k), (low, high) = p.start.shape, p.bounds
    x, wanted = p.x[:, :_FEW_ROWS], p.wanted[:, :_FEW_ROWS]
    step = max(1, _PART_VALUES // (x.shape[1] * k))
    result = np.empty_like(p.found)
    for g, first in ((g, o) for g in range(groups) for o in range(0, out, step)):
        at = slice(first, first + step)
        want = wanted[g, :, at]
        opened = ((want > low) & (want < high)).T.astype(np.float32)  # (o, n)
        gap = (want - p.mean[g, :, at]).T / p.scale[g, at]  # (o, n) in steps
        seen = opened[:, :, None] * x[g]  # (o, n, k)
        moments = np.matmul(seen.transpose(0, 2, 1), x[g]).astype(np.float64)  # (o, k, k)
        right = np.matmul(gap[:, None], seen).astype(np.float64)  # (o, 1, k)
        hold = (HOLD * np.einsum("okk->o", moments) / k + 1e-9)[:, None, None]
        solved = np.linalg.solve(moments + hold * np.eye(k),
                                 (right + hold * p.start[g, at, None]).transpose(0, 2, 1))
        result[g, at] = round_compensated(solved.transpose(0, 2, 1), moments, p.top,
                                          settings.beam)[:, 0]
    return result


def _descend(p: Problem, ints: Matrix, sweeps: int) -> Matrix:
    """`ints` after coordinate descent: one up or down wherever that lowers the loss."""
    if p.bounds == (-inf, inf):
        return descend(ints, p.start, p.moments, p.top)
    ints = ints.copy()
    x, wanted = p.x[:, :_FEW_ROWS], p.wanted[:, :_FEW_ROWS]
    scale = p.scale.transpose(0, 2, 1)  # (g, 1, o)
    before = np.matmul(x, (ints * p.scale).astype(np.float32).transpose(0, 2, 1)) + p.mean
    least = np.square(np.clip(before, *p.bounds) - wanted).sum(1)  # (g, o)
    for _ in range(sweeps):
        for j in np.argsort(-np.einsum("gkk->k", p.moments), kind="stable"):
            move = x[:, :, j, None] * scale  # (g, n, o)
            for way in (np.float32(1), np.float32(-1)):
                cost = np.square(np.clip(before + way * move, *p.bounds) - wanted).sum(1)
                take = (cost < least) & (np.abs(ints[:, :, j] + way) <= p.top)  # (g, o)
                if take.any():
                    before += np.where(take[:, None], way, np.float32(0)) * move
                    ints[:, :, j] += np.where(take, way, 0)
                    least = np.where(take, cost, least)
    return ints


def soft(v: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The rectified sigmoid h(V) in [0, 1] and its derivative (equation 23 of the paper)."""
    low, high = STRETCH
    s = 1.0 / (1.0 + np.exp(-v))
    h = s * np.float32(high - low) + np.float32(low)
    inside = (h > 0) & (h < 1)
    slope = np.asarray(s * (1 - s) * np.float32(high - low) * inside, np.float32)
    return np.asarray(np.clip(h, 0, 1), np.float32), slope


def soft_inverse(h: NDArray[np.floating]) -> NDArray[np.float32]:
    """V with h(V) = `h`, for h in [0, 1]."""
    low, high = STRETCH
    return np.asarray(-np.log((high - low) / (h - low) - 1), np.float32)


def push(h: NDArray[np.float32], beta: float) -> NDArray[np.float32]:
    """The derivative by h of the regularizer sum(1 - |2 h - 1|**beta) (equation 24)."""
    t = 2 * h - 1
    return np.asarray(-2 * beta * np.sign(t) * np.abs(t) ** np.float32(beta - 1), np.float32)


def beta_at(settings: AdaRound, share: float) -> float | None:
    """The exponent of the push after `share` of the iterations; None while warming up."""
    if share < settings.warm:
        return None
    first, last = settings.beta
    done = (share - settings.warm) / (1 - settings.warm)
    return last + 0.5 * (first - last) * (1 + cos(done * pi))


def _annealed(p: Problem, settings: AdaRound, rng: np.random.Generator) -> Matrix:
    """Roundings up or down from `start`, learned by gradients and annealed to 0 or 1.

    The loss of a channel is divided by the noise that random rounding makes, so that the push
    weighs the same in every layer.
    """
    base = np.floor(np.clip(p.start, -p.top, p.top - 1e-3)).astype(np.float32)
    start = p.start.astype(np.float32)
    v = soft_inverse(np.clip(p.start - base, 0, 1))
    n, k = p.x.shape[1:]
    power = np.einsum("gkk->g", p.moments) / n  # of all inputs
    unit = (12 * k / np.maximum(power, 1e-12))[:, None, None].astype(np.float32)
    linear = p.bounds == (-inf, inf)
    hessian = (p.moments / n).astype(np.float32)
    adam = Adam(v.shape, settings.rate)
    for t in range(settings.iterations):
        h, slope = soft(v)
        if linear:
            grad = 2 * np.matmul(base + h - start, hessian)
        else:
            grad = gradient(p, base + h, rng.integers(0, n, settings.batch))
        grad = grad * unit
        beta = beta_at(settings, t / settings.iterations)
        if beta is not None:
            grad = grad + np.float32(settings.push) * push(h, beta)
        v = v - adam.step(grad * slope)
    return np.asarray(base + (soft(v)[0] >= 0.5), np.float64)


def gradient(p: Problem, ints: NDArray[np.float32],
              rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Of the mean square error behind the activation on `rows`, by `ints`, over scale**2."""
    x = p.x[:, rows]
    before = np.matmul(x, (ints * p.scale).transpose(0, 2, 1)) + p.mean  # (g, b, o)
    after = np.clip(before, *p.bounds)
    error = (after - p.wanted[:, rows]) * (after == before)
    return np.asarray(2 / len(rows) * np.matmul(error.transpose(0, 2, 1), x) / p.scale, np.float32)


class Adam:
    """Adam (Kingma and Ba 2015) for one array."""

    def __init__(self, shape: tuple[int, ...], rate: float) -> None:
        self._mean = np.zeros(shape, np.float32)
        self._square = np.zeros(shape, np.float32)
        self._rate, self._count = rate, 0

    def step(self, grad: NDArray[np.float32], share: float = 1.0) -> NDArray[np.float32]:
        """What to take from the variables; `share` of the rate is used."""
        self._count += 1
        self._mean += np.float32(0.1) * (grad - self._mean)
        self._square += np.float32(0.001) * (grad * grad - self._square)
        mean = self._mean / np.float32(1 - 0.9**self._count)
        square = self._square / np.float32(1 - 0.999**self._count)
        return np.asarray(np.float32(self._rate * share) * mean / (np.sqrt(square) + 1e-8),
                          np.float32)
