"""Learned rounding against exhaustive search, its equations, and every joblib backend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf
from pathlib import Path

import joblib
import numpy as np
import pytest
import real

from edgeq.ir import Graph, Tensor
from edgeq.layers import is_mac
from edgeq.ops.base import Act
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.quant import quantize
from edgeq.quant.adaround import (
    AdaRound,
    Problem,
    adaround,
    beta_at,
    gradient,
    learned,
    loss,
    push,
    soft,
    soft_inverse,
)
from edgeq.quant.assign import assign
from edgeq.quant.at_once import adaround_at_once
from edgeq.quant.compensate import centred
from edgeq.quant.observe import observe
from edgeq.quant.simulate import reference, score
from edgeq.recipe import Equalize, Layer, Recipe, Rounding, load_recipe

RELU, LINEAR = (0.0, inf), (-inf, inf)


def problem(seed: int, bounds: tuple[float, float], k: int = 12, rows: int = 800) -> Problem:
    """One channel with k correlated inputs; to begin with, rounded to nearest."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(0, 1, (rows, 3)) @ rng.normal(0, 1, (3, k)) + rng.normal(0, 1, (rows, k))
    x = centred(raw[None]).astype(np.float32)
    w = rng.normal(0, 4, (1, 1, k))
    before = np.matmul(x, w.transpose(0, 2, 1)).astype(np.float32)
    return Problem(w, np.rint(w), np.ones((1, 1, 1), np.float32),
                   np.matmul(x.transpose(0, 2, 1), x).astype(np.float64), x,
                   before.mean(1, keepdims=True), np.clip(before, *bounds), bounds, 127.0)


@pytest.mark.parametrize("bounds", [LINEAR, RELU])
def test_comes_within_two_percent_of_the_best_of_all_roundings(bounds: tuple[float, float]) -> None:
    """Brute force over all 2**12 roundings up or down of a layer of 12 weights."""
    bits = (np.arange(2**12)[:, None] >> np.arange(12)) & 1
    settings = AdaRound(aside=0.0)
    for seed in range(8):
        p = problem(seed, bounds)
        every = Problem(p.start, np.floor(p.start) + bits[None], p.scale, p.moments, p.x, p.mean,
                        p.wanted, bounds, p.top)
        best = float(loss(every, every.found).min())
        nearest = float(loss(p, p.found)[0, 0])
        found = float(loss(p, learned(p, settings, 0))[0, 0])
        assert found <= 1.02 * best, (seed, found / best)
        assert found <= nearest


def test_what_is_learned_by_heart_is_not_taken() -> None:
    """With fewer input vectors than weights the start is kept wherever the judge prefers it."""
    for seed in range(5):
        p = problem(seed, RELU, k=40, rows=32)
        judge = Problem(p.start, p.found, p.scale, p.moments, p.x[:, 24:], p.mean,
                        p.wanted[:, 24:], p.bounds, p.top)
        assert loss(judge, learned(p, AdaRound(), 0)) <= loss(judge, p.found)


def test_rectified_sigmoid_and_push_follow_the_equations() -> None:
    v = np.linspace(-4, 4, 81).astype(np.float32)
    h, slope = soft(v)
    np.testing.assert_allclose(h, np.clip(1.2 / (1 + np.exp(-v)) - 0.1, 0, 1), atol=1e-6)
    inside = (h > 0.01) & (h < 0.99)
    step = (soft(v + 1e-2)[0] - soft(v - 1e-2)[0]) / 2e-2
    np.testing.assert_allclose(slope[inside], step[inside], atol=1e-3)
    np.testing.assert_allclose(soft(soft_inverse(np.linspace(0, 1, 11)))[0],
                               np.linspace(0, 1, 11), atol=1e-6)
    share = np.linspace(0.05, 0.95, 19).astype(np.float32)
    for beta in (2.0, 7.0):
        def term(t: np.ndarray, beta: float = beta) -> np.ndarray:
            return 1 - np.abs(2 * t.astype(np.float64) - 1) ** beta
        step = (term(share + 1e-4) - term(share - 1e-4)) / 2e-4
        np.testing.assert_allclose(push(share, beta), step, atol=2e-2)


def test_the_push_sets_in_after_warming_up_and_hardens() -> None:
    settings = AdaRound()
    betas = [beta_at(settings, t) for t in (0.0, 0.19, 0.2, 0.6, 1.0)]
    assert betas[:2] == [None, None]
    assert betas[2:] == pytest.approx([20.0, 11.0, 2.0])


def test_gradient_behind_the_activation_by_finite_differences() -> None:
    p = problem(0, RELU, k=6)
    rows, ints = np.arange(800), (p.start + 0.3).astype(np.float32)
    found = gradient(p, ints, rows)
    for j in range(6):
        up, down = ints.copy(), ints.copy()
        up[0, 0, j] += 1e-2
        down[0, 0, j] -= 1e-2
        step = (loss(p, up) - loss(p, down))[0, 0] / 2e-2
        assert found[0, 0, j] == pytest.approx(step, rel=0.02, abs=2e-3)


def net() -> tuple[Graph, Graph, np.ndarray]:
    """Convolution, depthwise with two filters a channel, dense; its nearest 4-bit integers."""
    rng = np.random.default_rng(0)
    shapes = {"w1": (8, 3, 3, 6), "b1": (8,), "w2": (1, 3, 3, 16), "b2": (16,), "w3": (3, 256),
              "b3": (3,)}
    t = {n: Tensor(n, s, rng.normal(0.05, 0.3, s).astype(np.float32)) for n, s in shapes.items()}
    for n, shape in {"x": (1, 4, 4, 6), "h": (1, 4, 4, 8), "d": (1, 4, 4, 16), "y": (1, 3)}.items():
        t[n] = Tensor(n, shape)
    same = ((1, 1), (1, 1))
    ops = (Conv2D(name="a", ins=("x", "w1", "b1"), outs=("h",), act=Act.RELU, pad=same),
           DepthwiseConv2D(name="b", ins=("h", "w2", "b2"), outs=("d",), act=Act.RELU6, pad=same),
           Dense(name="c", ins=("d", "w3", "b3"), outs=("y",)))
    g = Graph(t, ops, ("x",), ("y",))
    x = rng.gamma(2.0, 0.5, (60, 4, 4, 6)).astype(np.float32)
    hists = observe(g, (x,)).hists
    ints = assign(g, {n: (h.low, h.high) for n, h in hists.items()}, Recipe(weight_bits=4))
    return g, ints, x


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_every_backend_learns_the_same(backend: str) -> None:
    g, ints, x = net()
    settings = AdaRound(iterations=40, part=64)
    alone = adaround(g, ints, (x,), settings, np.random.default_rng(0))
    with joblib.parallel_config(backend, n_jobs=2):
        again = adaround(g, ints, (x,), settings, np.random.default_rng(0))
    for op in g.ops:
        np.testing.assert_array_equal(alone.const(op.ins[1]), again.const(op.ins[1]))
        np.testing.assert_array_equal(alone.const(op.ins[2]), again.const(op.ins[2]))
        assert np.any(alone.const(op.ins[1]) != ints.const(op.ins[1])), op.name


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_layers_side_by_side_are_the_same_on_every_backend(backend: str) -> None:
    g, ints, x = net()
    settings, names = AdaRound(iterations=40, part=64), {op.name for op in g.ops}
    alone = adaround_at_once(g, ints, (x,), settings, np.random.default_rng(0), names)
    with joblib.parallel_config(backend, n_jobs=3):
        again = adaround_at_once(g, ints, (x,), settings, np.random.default_rng(0), names)
    for op in g.ops:
        np.testing.assert_array_equal(alone.const(op.ins[1]), again.const(op.ins[1]))
        np.testing.assert_array_equal(alone.const(op.ins[2]), again.const(op.ins[2]))
        assert np.any(alone.const(op.ins[1]) != ints.const(op.ins[1])), op.name


def test_side_by_side_is_much_better_than_nearest() -> None:
    g, ints, x = net()
    names, rng = {op.name for op in g.ops}, np.random.default_rng(0)
    wanted = reference(g, (x,))
    found = adaround_at_once(g, ints, (x,), AdaRound(iterations=200), rng, names)
    assert score(found, (x,), wanted).sqnr_db > score(ints, (x,), wanted).sqnr_db + 3
    one = adaround_at_once(g, ints, (x,), AdaRound(iterations=200), rng, {g.ops[0].name})
    assert np.array_equal(one.const(g.ops[1].ins[1]), ints.const(g.ops[1].ins[1]))


def test_a_recipe_learns_side_by_side(shared: Callable[[str], Path]) -> None:
    case = real.load("kws", shared)
    base = replace(load_recipe("w4a8"), rollback=False, equalize=Equalize.OFF)
    names = [op.name for op in case.graph.ops if is_mac(op)]
    recipe = replace(base, at_once=True, layers=(Layer(names[2], rounding=Rounding.ADAROUND),))
    before = quantize(case.graph, case.calib[:40], base).graph
    after = quantize(case.graph, case.calib[:40], recipe).graph
    changed = [name for name in names if np.any(
        constant(case.graph, before, name) != constant(case.graph, after, name))]
    assert changed == names[2:3], "the others do not see what it learned"


def test_a_recipe_learns_the_layers_it_names(shared: Callable[[str], Path]) -> None:
    case = real.load("kws", shared)
    names = [op.name for op in case.graph.ops if is_mac(op)]
    base = replace(load_recipe("w4a8"), rollback=False, equalize=Equalize.OFF)
    recipe = replace(base, layers=(Layer(names[2], rounding=Rounding.ADAROUND),))
    before = quantize(case.graph, case.calib[:40], base).graph
    after = quantize(case.graph, case.calib[:40], recipe).graph
    first = next(name for name in names
                 if np.any(constant(case.graph, before, name) != constant(case.graph, after, name)))
    assert first == names[2]


def constant(real_graph: Graph, ints: Graph, layer: str) -> np.ndarray:
    op = next(op for op in real_graph.ops if op.name == layer)
    return ints.const(op.ins[1])
