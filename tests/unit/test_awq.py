"""Activation-aware scaling: equations 4 and 5 of the paper, the float result, and what it gains."""

from __future__ import annotations

import numpy as np
import pytest

from edgeq.execute import run_float
from edgeq.ir import Graph, Tensor
from edgeq.layers import mac_view
from edgeq.ops.base import Act
from edgeq.ops.dense import Dense
from edgeq.ops.layer_norm import LayerNorm
from edgeq.quant.awq import ALPHAS, awq, factors, output_error, places, searched


def graph(maker: str) -> Graph:
    """x -> dense with ReLU, or LayerNorm -> one or two dense layers; a few channels are large."""
    rng = np.random.default_rng(0)
    gain = np.where(np.arange(16) % 5 == 0, 12.0, 0.7)
    sizes = {"x": (1, 16), "h": (1, 16), "y": (1, 24), "z": (1, 8)}
    t = {n: Tensor(n, s) for n, s in sizes.items()}
    const = {"w0": np.eye(16) * gain[:, None], "b0": np.full(16, 0.1), "gamma": gain,
             "beta": np.full(16, 0.1), "w1": rng.normal(size=(24, 16)), "b1": np.zeros(24),
             "w2": rng.normal(size=(8, 16)), "b2": np.ones(8)}
    norm = maker == "norm"
    first = (LayerNorm(name="m", ins=("x", "gamma", "beta"), outs=("h",), epsilon=1e-5) if norm else
             Dense(name="m", ins=("x", "w0", "b0"), outs=("h",), act=Act.RELU))
    ops = [first, Dense(name="a", ins=("h", "w1", "b1"), outs=("y",))]
    if norm:
        ops.append(Dense(name="b", ins=("h", "w2", "b2"), outs=("z",)))
    used = {n for op in ops for n in (*op.ins, *op.outs)}
    t |= {n: Tensor(n, c.shape, c.astype(np.float32)) for n, c in const.items()}
    outs = ("y", "z") if norm else ("y",)
    return Graph({n: v for n, v in t.items() if n in used}, tuple(ops), ("x",), outs)


def samples() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(300, 16)).astype(np.float32)


def paper_error(w: np.ndarray, x: np.ndarray, s: np.ndarray, bits: int) -> float:
    """|Q(W diag(s)) diag(s)^-1 X - W X|^2, written out; x (n, k)."""
    top = 2 ** (bits - 1) - 1
    scaled = w * s
    step = np.abs(scaled).max(1, keepdims=True) / top
    rounded = np.round(scaled / step) * step
    return float((((x / s) @ rounded.T - x @ w.T) ** 2).sum())


@pytest.mark.parametrize("bits", [3, 4, 8])
def test_the_alpha_with_the_least_output_error_is_found(bits: int) -> None:
    g, x = graph("layer"), samples()
    h = run_float(g, {"x": x}, keep=("h",))["h"]
    view = mac_view(g, g.ops[1])
    found = searched(h, [view], [bits])
    size = np.abs(h).mean(0)
    every = []
    for alpha in ALPHAS:
        s = size**alpha / np.sqrt((size**alpha).max() * (size**alpha).min())
        every.append((paper_error(view.weight, h, s, bits), s))
    least, best = min(every, key=lambda e: e[0])
    np.testing.assert_allclose(found, best, rtol=1e-5)
    assert least < 0.6 * every[0][0], "large channels gain"


def test_the_error_is_that_of_equation_4() -> None:
    rng = np.random.default_rng(2)
    x, w, s = rng.normal(size=(50, 6)), rng.normal(size=(4, 6)), rng.uniform(0.5, 2, 6)
    got = output_error(w.astype(np.float32), x.T @ x / 50, s, 4, 0)
    w = w.astype(np.float32).astype(np.float64)
    assert got == pytest.approx(paper_error(w, x, s, 4) / float(((x @ w.T) ** 2).sum()), rel=1e-5)


def test_groups_have_steps_of_their_own() -> None:
    w = np.concatenate([np.ones((3, 32)), 100 * np.ones((3, 32))], 1).astype(np.float32)
    w[:, 1] = 0.4
    ones = np.ones(64)
    assert output_error(w, np.eye(64), ones, 4, 32) < 0.1 * output_error(w, np.eye(64), ones, 4, 0)


@pytest.mark.parametrize("maker", ["norm", "layer"])
def test_the_float_result_stays(maker: str) -> None:
    g, x = graph(maker), samples()
    scaled = awq(g, (x,), {"a": 4, "b": 4})
    assert [p.name for p in places(g)] == ["h"]
    assert np.any(scaled.const("w1") != g.const("w1"))
    want, got = run_float(g, {"x": x}), run_float(scaled, {"x": x})
    for name in g.outs:
        np.testing.assert_allclose(got[name], want[name], atol=2e-4)


def test_dead_channels_and_alpha_of_0_keep_their_weights() -> None:
    x = samples()
    x[:, 3] = 0
    assert factors(x, 0.7)[3] == 1
    np.testing.assert_array_equal(factors(x, 0.0), np.ones(16))
    np.testing.assert_array_equal(factors(0 * x, 0.5), np.ones(16))
