"""Bias correction against its definition, and the clipped normal against sampling."""

from __future__ import annotations

import numpy as np
import pytest

from edgeq.execute import run_float
from edgeq.ir import Graph, Tensor
from edgeq.ops.base import Act
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.quant.assign import assign
from edgeq.quant.bias_correct import clipped_normal, correct_analytic, correct_empirical
from edgeq.quant.compensate import mended, round_compensated
from edgeq.quant.simulate import simulate
from edgeq.recipe import Recipe


@pytest.mark.parametrize("mean", [-2.0, 0.0, 0.7, 5.5])
@pytest.mark.parametrize("std", [0.01, 1.0, 4.0])
@pytest.mark.parametrize("act", [Act.RELU, Act.RELU6, Act.RELU_N1_TO_1])
def test_clipped_normal_matches_sampling(mean: float, std: float, act: Act) -> None:
    x = np.clip(np.random.default_rng(0).normal(mean, std, 400_000), *act.bounds)
    found_mean, found_var = clipped_normal(mean, std, *act.bounds)
    assert found_mean == pytest.approx(x.mean(), abs=0.01 * max(std, 0.1))
    assert found_var == pytest.approx(x.var(), abs=0.02 * max(std**2, 0.01))


def test_clipped_normal_without_spread() -> None:
    assert clipped_normal(7.0, 0.0, 0.0, 6.0) == (6.0, 0.0)


def net(seed: int = 0) -> tuple[Graph, np.ndarray]:
    """Two layers whose coarse weights shift the mean; positive inputs."""
    rng = np.random.default_rng(seed)
    t = {"x": Tensor("x", (1, 4, 4, 6)), "h": Tensor("h", (1, 4, 4, 8)),
         "y": Tensor("y", (16, 3))}
    for n, s in {"w1": (8, 3, 3, 6), "b1": (8,), "w2": (3, 8), "b2": (3,)}.items():
        t[n] = Tensor(n, s, rng.normal(0.1, 0.5, s).astype(np.float32))
    ops = (Conv2D(name="a", ins=("x", "w1", "b1"), outs=("h",), act=Act.RELU,
                  pad=((1, 1), (1, 1))),
           Dense(name="d", ins=("h", "w2", "b2"), outs=("y",)))
    x = rng.gamma(2.0, 1.0, (64, 4, 4, 6)).astype(np.float32)
    return Graph(t, ops, ("x",), ("y",)), x


RECIPE = Recipe(per_channel=False)


def rough(g: Graph, x: np.ndarray) -> Graph:
    """The integer graph with weights that were all rounded up: a mean error by construction."""
    values = run_float(g, {"x": x}, keep=("x", "h", "y"))
    ints = assign(g, {n: (float(v.min()), float(v.max())) for n, v in values.items()}, RECIPE)
    up = [ints.tensor(n) for n in ("w1", "w2")]
    return ints.with_tensors(*(Tensor(t.name, t.shape, np.clip(ints.const(t.name) + 3, -127, 127)
                                      .astype(np.int8), t.q) for t in up))


def mean_error(g: Graph, ints: Graph, x: np.ndarray) -> np.ndarray:
    want = run_float(g, {"x": x})["y"].reshape(-1, 3).mean(0)
    return np.abs(simulate(ints, {"x": x}, ("y",))["y"].reshape(-1, 3).mean(0) - want)


def test_empirical_correction_removes_the_mean_error() -> None:
    g, x = net()
    ints = rough(g, x)
    after = correct_empirical(g, ints, (x,))
    step = float(ints.tensor("y").params.scale)
    assert mean_error(g, ints, x).max() > 5 * step
    assert mean_error(g, after, x).max() < 0.5 * step


def test_analytic_correction_follows_the_equation_for_the_first_layer() -> None:
    g, x = net()
    ints = rough(g, x)
    after = correct_analytic(g, ints, (x,))
    error = ints.tensor("w1").params.dequantize(ints.const("w1")) - g.const("w1")
    expected = -(error.sum((1, 2)) @ x.reshape(-1, 6).mean(0).astype(np.float64))
    q = ints.tensor("b1").params
    shift = (after.const("b1") - ints.const("b1")) * q.scale
    np.testing.assert_allclose(shift, expected, atol=1.01 * float(q.scale))
    assert mean_error(g, after, x).max() < 0.5 * mean_error(g, ints, x).max()


def test_compensated_rounding_beats_nearest_and_comes_near_the_optimum() -> None:
    """Brute force over all 2**12 roundings of a layer of 12 weights."""
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 1, (400, 3))
    x = shared @ rng.normal(0, 1, (3, 12)) + 0.3 * rng.normal(0, 1, (400, 12))
    ratios = []
    for _ in range(10):
        w = rng.normal(0, 4, (1, 1, 12))
        moments = (x.T @ x)[None]

        def loss(q: np.ndarray, w: np.ndarray = w) -> float:
            return float((((q - w[0]) @ x.T) ** 2).sum(-1).min())

        bits = (np.arange(2**12)[:, None] >> np.arange(12)) & 1
        best = loss(np.floor(w[0]) + bits)
        found = loss(round_compensated(w, moments, 127.0)[0])
        assert found <= loss(np.rint(w[0]))
        ratios.append(found / best)
    assert np.median(ratios) < 1.2


def test_mended_weights_undo_a_known_distortion() -> None:
    """Where the quantized inputs are A x, the least squares weights are W A^-1."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(0, 1, (5000, 6)), rng.normal(0, 1, (1, 4, 6))
    distortion = np.eye(6) + 0.1 * rng.normal(0, 1, (6, 6))
    seen = x @ distortion.T
    fixed = mended(w, (seen.T @ seen)[None], (x.T @ seen)[None])[0]
    before = np.square(seen @ w[0].T - x @ w[0].T).sum()
    after = np.square(seen @ fixed.T - x @ w[0].T).sum()
    assert after < 0.05 * before
    assert np.abs(mended(w, (x.T @ x)[None], (x.T @ x)[None]) - w).max() < 1e-9
