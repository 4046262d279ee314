"""SmoothQuant: the equation of the factors, the same float result, and less noise for outliers."""

from __future__ import annotations

import numpy as np
import pytest

from edgeq.execute import run_float
from edgeq.ir import Graph, Tensor
from edgeq.layers import mac_view
from edgeq.ops.dense import Dense
from edgeq.ops.elementwise import Add, Mul
from edgeq.ops.layer_norm import LayerNorm
from edgeq.ops.reshape import Reshape
from edgeq.passes.smooth import chains, smooth, smoothing
from edgeq.quant import quantize
from edgeq.quant.observe import observe
from edgeq.quant.simulate import reference, score
from edgeq.recipe import Equalize, Recipe

C, OUT = 16, 12


def attention_inputs(maker: str, seed: int = 0) -> tuple[Graph, np.ndarray]:
    """Something that scales channels, read by three dense layers; two channels are outliers."""
    rng = np.random.default_rng(seed)
    gamma = np.ones(C, np.float32)
    gamma[[3, 9]] = 60.0
    t = {"x": Tensor("x", (4, C)), "n": Tensor("n", (4, C)), "m": Tensor("m", (4, C)),
         "gamma": Tensor("gamma", (C,), gamma),
         "beta": Tensor("beta", (C,), rng.normal(0, 1, C).astype(np.float32) * gamma)}
    ops = []
    if maker == "norm":
        ops.append(LayerNorm(name="norm", ins=("x", "gamma", "beta"), outs=("n",), epsilon=1e-5))
    else:
        ops += [Mul(name="mul", ins=("x", "gamma"), outs=("m",)),
                Add(name="add", ins=("m", "beta"), outs=("n",))]
    source = "n"
    if maker == "view":
        t["v"] = Tensor("v", (1, 4, C))
        ops.append(Reshape(name="view", ins=("n",), outs=("v",), to=(1, 4, C)))
        source = "v"
    outs = []
    for name in "qkv":
        w = rng.normal(0, 1, (OUT, C)).astype(np.float32)
        w[:, [3, 9]] /= 60.0
        t[f"w{name}"] = Tensor(f"w{name}", w.shape, w)
        t[f"b{name}"] = Tensor(f"b{name}", (OUT,), rng.normal(0, 1, OUT).astype(np.float32))
        t[f"y{name}"] = Tensor(f"y{name}", (4, OUT))
        ops.append(Dense(name=name, ins=(source, f"w{name}", f"b{name}"), outs=(f"y{name}",)))
        outs.append(f"y{name}")
    used = {n for op in ops for n in (*op.ins, *op.outs)}
    g = Graph({n: x for n, x in t.items() if n in used}, tuple(ops), ("x",), tuple(outs))
    return g, rng.normal(0, 1, (4 * 40, C)).astype(np.float32)


def run(g: Graph, x: np.ndarray) -> np.ndarray:
    out = run_float(g, {"x": x})
    return np.concatenate([out[n].reshape(-1, OUT) for n in g.outs])


@pytest.mark.parametrize("maker", ["norm", "affine", "view"])
def test_float_result_is_unchanged_and_the_outliers_move(maker: str) -> None:
    g, x = attention_inputs(maker)
    (chain,) = chains(g)
    assert [op.name for op in chain.readers] == ["q", "k", "v"]
    channels = observe(g, (x,)).channels
    h = smooth(g, channels, {})
    np.testing.assert_allclose(run(h, x), run(g, x), rtol=1e-4, atol=1e-3)
    before, after = (observe(n, (x,)).channels[chain.name].high for n in (g, h))
    assert before.max() / np.median(before) > 20
    assert after.max() / np.median(after) < 4


def test_factors_follow_equation_4() -> None:
    g, x = attention_inputs("norm")
    (chain,) = chains(g)
    seen = observe(g, (x,)).channels[chain.name]
    magnitude = np.maximum(np.abs(seen.low), np.abs(seen.high))
    views = [mac_view(g, op) for op in chain.readers]
    largest = np.max([np.abs(v.weight).max(0) for v in views], axis=0)
    for alpha in (0.25, 0.5, 1.0):
        expected = magnitude**alpha / largest ** (1 - alpha)
        found = smoothing(magnitude, views, alpha)
        np.testing.assert_allclose(found / found[0], expected / expected[0], rtol=1e-6)


def test_integers_are_nearer_to_the_float_result() -> None:
    g, x = attention_inputs("norm")
    plain = Recipe(equalize=Equalize.OFF, rollback=False)
    smoothed = Recipe(equalize=Equalize.ACTIVATIONS, rollback=False)
    wanted = reference(g, (x,))
    before, after = (score(quantize(g, x, r).graph, (x,), wanted).sqnr_db
                     for r in (plain, smoothed))
    assert after > before + 10, (before, after)


def test_what_another_operator_reads_is_left_alone() -> None:
    g, _ = attention_inputs("norm")
    assert chains(g.replace(outs=(*g.outs, "n"))) == ()
    beside = Add(name="beside", ins=("n", "n2"), outs=("z",))
    tensors = {**g.tensors, "n2": Tensor("n2", (C,), np.ones(C, np.float32)),
               "z": Tensor("z", (4, C))}
    assert chains(g.replace(tensors=tensors, ops=(*g.ops, beside), outs=(*g.outs, "z"))) == ()
