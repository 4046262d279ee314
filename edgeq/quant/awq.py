"""Activation-aware weight scaling (AWQ): input channels that carry much get finer weights.

s = mean|x|**alpha for each channel multiplies the weights and divides the activation; of a grid of
alpha the one whose rounded weights err least on the samples is taken. The float function stays: the
factors go into what makes the activation.
Source: Lin et al. 2024 (AWQ), equations 4 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np

from edgeq.execute import run_float
from edgeq.ir import FloatArray, Graph, Tensor
from edgeq.layers import MacView, act_of, mac_view
from edgeq.ops.base import Act
from edgeq.passes.equalize import pairs
from edgeq.passes.smooth import Factors, chains, folded, largest_level
from edgeq.quant.compensate import Matrix, input_rows

ALPHAS = np.arange(20) / 20  # of the grid; 0 leaves all as it is
_ROWS = 2048  # input vectors that judge


@dataclass(frozen=True, eq=False)
class _Place:
    """An activation that may be rescaled."""

    name: str
    maker: str  # the operator that writes it
    readers: tuple[str, ...]  # the layers that read it


def places(g: Graph) -> tuple[_Place, ...]:
    """Every activation between its maker and layers with weights that alone read it.

    The maker can take factors: a normalization, a product or sum with constants, or a layer in
    front of none or ReLU. Depthwise readers have a scale for each channel and gain nothing.
    """
    found = [_Place(c.name, c.maker.name, tuple(op.name for op in c.readers)) for c in chains(g)]
    for p in pairs(g):
        whole = len(p.between) == 1 and act_of(p.first) in (Act.NONE, Act.RELU)
        if whole and not mac_view(g, p.second).depthwise:
            found.append(_Place(p.between[0], p.first.name, (p.second.name,)))
    return tuple(found)


def awq(g: Graph, samples: Sequence[FloatArray], bits: Mapping[str, int], group: int = 0) -> Graph:
    """An equal float graph whose weights round better to `bits`, by layer (8 where not named).

    `group` neighbouring input channels share a step, 0: a whole row does.
    """
    for place in places(g):  # float values of activations move with each
        x = run_float(g, dict(zip(g.ins, samples, strict=True)), keep=(place.name,))[place.name]
        ops = {op.name: op for op in g.ops}
        views = [mac_view(g, ops[n]) for n in place.readers]
        s = searched(x, views, [bits.get(n, 8) for n in place.readers], group)
        changed = folded(g, ops[place.maker], 1.0 / s)
        if changed is None:
            continue
        for view in views:
            w = view.op.ins[1]
            changed[w] = Tensor(w, view.weight.shape, view.scaled_in(s))
        g = g.with_tensors(*changed.values())
    return g


def searched(x: FloatArray, views: Sequence[MacView], bits: Sequence[int],
             group: int = 0) -> Factors:
    """The factors (C,) of the best alpha for the activation `x` (n, ..., C) of the readers `views`.

    The errors of several readers count in units of their outputs' power.
    """
    moments = [_moments(input_rows(v, x, _ROWS)[0]) for v in views]
    tried = [factors(x, float(alpha)) for alpha in ALPHAS]

    def error(s: Factors) -> float:
        return sum(output_error(v.out_rows(), m, s, b, group)
                   for v, m, b in zip(views, moments, bits, strict=True))

    return min(tried, key=error)


def factors(x: FloatArray, alpha: float) -> Factors:
    """mean|x|**alpha for each channel, over the root of the largest times the least; dead: 1."""
    size = np.abs(x.reshape(-1, x.shape[-1])).mean(0, dtype=np.float64)
    alive = size > 1e-4 * size.max(initial=0.0)
    if not alive.any():
        return np.ones_like(size)
    s = np.where(alive, size, 1.0) ** alpha
    return np.where(alive, s / np.sqrt(s[alive].max() * s[alive].min()), 1.0)


def _moments(rows: FloatArray) -> Matrix:
    return np.asarray(rows.T @ rows, np.float64) / len(rows)


def output_error(rows: FloatArray, moments: Matrix, s: Factors, bits: int, group: int) -> float:
    """|Q(W s) / s x - W x|**2 over |W x|**2 for weights (out, k), `moments` (k, k) of x.

    Q rounds to nearest in steps of the largest weight of a row, or of a group, over
    2**(bits - 1) - 1, or 1.
    """
    w = np.asarray(rows, np.float64)
    every = np.tile(s, w.shape[1] // s.size)  # channels run fastest
    size = gcd(group, s.size) if group else w.shape[1]
    parts = (w * every).reshape(len(w), -1, size)
    step = np.maximum(np.abs(parts).max(2, keepdims=True) / largest_level(bits), 1e-30)
    error = (np.rint(parts / step) * step).reshape(w.shape) / every - w
    power = float(np.einsum("ok,kl,ol->", w, moments, w, optimize=True))
    return float(np.einsum("ok,kl,ol->", error, moments, error, optimize=True)) / max(power, 1e-30)
