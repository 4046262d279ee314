"""The steps of 4-bit weights against exhaustive search over them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeq.ir import Graph, Tensor
from edgeq.layers import MacView, mac_view
from edgeq.ops.dense import Dense
from edgeq.quant.params import symmetric_params
from edgeq.quant.weight_steps import with_best_steps


def layer(rng: np.random.Generator) -> MacView:
    op = Dense(name="d", ins=("x", "w", "b"), outs=("y",))
    w = rng.normal(0, 1, (6, 12)).astype(np.float32)
    w[:, 0] *= 6  # one large weight a channel: its step is too coarse for the others
    tensors = (Tensor("x", (1, 12)), Tensor("w", w.shape, w),
               Tensor("b", (6,), np.zeros(6, np.float32)), Tensor("y", (1, 6)))
    return mac_view(Graph({t.name: t for t in tensors}, (op,), ("x",), ("y",)), op)


def error(view: MacView, x: np.ndarray, weights: Tensor) -> np.ndarray:
    """Mean square error of every channel, its mean taken out: (6,)."""
    real = weights.params.dequantize(weights.data).astype(np.float64)
    d = x @ (real - view.weight).T
    return ((d - d.mean(0)) ** 2).mean(0)


def at_largest(view: MacView) -> Tensor:
    q = symmetric_params(np.abs(view.out_rows()).max(1) / 7, 4, 0)
    return Tensor("w", view.weight.shape, np.zeros(view.weight.shape, np.int8), q)


def test_finer_steps_are_taken_where_they_help() -> None:
    rng = np.random.default_rng(0)
    view = layer(rng)
    x = (rng.normal(0, 1, (400, 12)) * np.array([0.05, *[1.0] * 11])).astype(np.float32)
    old = at_largest(view)
    found = with_best_steps(view, x, x, old)
    frozen = with_best_steps(view, x, x, replace(
        old, q=replace(old.params, scale=old.params.scale[0], zero=old.params.zero[0], axis=None)))
    assert np.abs(found.data).max() <= 7
    assert np.any(found.params.scale < old.params.scale)
    assert float(frozen.params.scale) == float(old.params.scale[0]), "one scale a tensor stays"
    # no other step of the list does better by more than the damping of the rounding
    for factor in (0.7, 0.8, 0.9, 1.0, 1.1, 1.25):
        other = replace(old, q=replace(old.params, scale=old.params.scale * factor))
        nearest = np.clip(np.rint(view.weight / other.params.scale[:, None]), -7, 7)
        rounded = replace(other, data=nearest.astype(np.int8))
        assert np.all(error(view, x, found) <= 1.02 * error(view, x, rounded) + 1e-9)
