"""Equalization and absorption leave the float result alone; equalized weights are level."""

from __future__ import annotations

import numpy as np
import pytest

from edgeq.execute import run_float
from edgeq.ir import Graph, Tensor
from edgeq.layers import mac_view
from edgeq.ops.base import Act
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.pool import MaxPool
from edgeq.ops.reshape import Reshape
from edgeq.passes.absorb_bias import absorb_bias
from edgeq.passes.equalize import HEADROOM, equalize, pairs
from edgeq.quant.observe import observe
from edgeq.quant.steps import quantize
from edgeq.recipe import Equalize, Recipe

ACTS = [Act.NONE, Act.RELU, Act.RELU6]
KINDS = [Equalize.WEIGHTS, Equalize.ACTIVATIONS]


def triple(act: Act, seed: int = 0, bias: float = 0.5) -> Graph:
    """conv 1x1 -> depthwise 3x3 -> conv 1x1, with channel ranges that differ a hundredfold."""
    rng = np.random.default_rng(seed)

    def const(name: str, *shape: int, spread: bool = False) -> Tensor:
        x = rng.normal(0, 1, shape)
        if spread:
            x = x * 10 ** rng.uniform(-1, 1, (shape[0], *[1] * (len(shape) - 1)))
        return Tensor(name, shape, x.astype(np.float32))

    def shift(name: str, n: int) -> Tensor:
        return Tensor(name, (n,), rng.normal(bias, 0.3, n).astype(np.float32))

    tensors = [Tensor("x", (1, 6, 6, 4)), const("w1", 8, 1, 1, 4, spread=True), shift("b1", 8),
               Tensor("t1", (1, 6, 6, 8)), const("w2", 1, 3, 3, 8), shift("b2", 8),
               Tensor("t2", (1, 6, 6, 8)), const("w3", 5, 1, 1, 8), shift("b3", 5),
               Tensor("y", (1, 6, 6, 5))]
    ops = (Conv2D(name="a", ins=("x", "w1", "b1"), outs=("t1",), act=act),
           DepthwiseConv2D(name="b", ins=("t1", "w2", "b2"), outs=("t2",), act=act,
                           pad=((1, 1), (1, 1))),
           Conv2D(name="c", ins=("t2", "w3", "b3"), outs=("y",)))
    return Graph({t.name: t for t in tensors}, ops, ("x",), ("y",))


def inputs(n: int = 16, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (n, 6, 6, 4)).astype(np.float32)


def changed(a: Graph, b: Graph) -> bool:
    return any(not np.array_equal(a.const(n), b.const(n)) for n in ("w1", "w2", "w3", "b2", "b3"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("seed", range(3))
def test_float_result_is_unchanged(act: Act, kind: Equalize, seed: int) -> None:
    g, x = triple(act, seed), inputs()
    h = equalize(g, kind, observe(g, (x,)).channels)
    want, got = run_float(g, {"x": x})["y"], run_float(h, {"x": x})["y"]
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4 * float(np.abs(want).max()))
    assert act is Act.RELU6 or changed(g, h)


@pytest.mark.parametrize("kind", KINDS)
def test_relu_result_is_unchanged_on_data_never_seen(kind: Equalize) -> None:
    g = triple(Act.RELU)
    h = equalize(g, kind, observe(g, (inputs(),)).channels)
    x = 50 * inputs(seed=9)
    want, got = run_float(g, {"x": x})["y"], run_float(h, {"x": x})["y"]
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4 * float(np.abs(want).max()))


def test_relu6_channels_that_reach_the_cut_are_left_alone() -> None:
    g, x = triple(Act.RELU6), inputs()
    stats = observe(g, (x,))
    h = equalize(g, Equalize.WEIGHTS, stats.channels)
    cut = stats.channels["t1"].high >= 6
    assert cut.any()
    assert not cut.all()
    np.testing.assert_array_equal(g.const("w1")[cut], h.const("w1")[cut])
    assert not np.array_equal(g.const("w1")[~cut], h.const("w1")[~cut])


def test_weight_ranges_are_level_after_equalization() -> None:
    g = triple(Act.RELU)
    h = equalize(g, Equalize.WEIGHTS, observe(g, (inputs(),)).channels)
    a, b, c = (mac_view(h, op) for op in h.ops)
    # Nagel et al. 2019, equation 9: at the optimum both ranges of a channel are equal
    np.testing.assert_allclose(a.out_range(), b.in_range(8), rtol=0.02)
    np.testing.assert_allclose(b.out_range(), c.in_range(8), rtol=0.02)


def test_activations_before_a_depthwise_layer_fill_one_range() -> None:
    g, x = triple(Act.RELU), inputs()
    h = equalize(g, Equalize.ACTIVATIONS, observe(g, (x,)).channels)
    before, after = (observe(net, (x,)).channels["t1"].high for net in (g, h))
    assert before[before > 0].min() < before.max() / 5
    assert after[after > 0].min() > 0.999 * after.max() / HEADROOM
    assert after.max() == pytest.approx(before.max(), rel=1e-4)


def test_dead_channels_stay_finite() -> None:
    g = triple(Act.RELU)
    w1 = g.const("w1").copy()
    w1[2] = 0
    w3 = g.const("w3").copy()
    w3[..., 3] = 0
    g = g.with_tensors(Tensor("w1", w1.shape, w1), Tensor("w3", w3.shape, w3))
    for kind in KINDS:
        h = equalize(g, kind, observe(g, (inputs(),)).channels)
        assert all(np.isfinite(h.const(n)).all() for n in ("w1", "w2", "w3", "b1", "b2", "b3"))


def test_pairs_reach_through_pools_and_views_and_stop_at_second_readers() -> None:
    shapes = {"x": (1, 4, 4, 3), "t": (1, 4, 4, 3), "p": (1, 1, 1, 3), "v": (1, 3), "y": (1, 2)}
    tensors = {n: Tensor(n, s) for n, s in shapes.items()}
    for n, s in {"w1": (3, 1, 1, 3), "b1": (3,), "w2": (2, 3), "b2": (2,)}.items():
        tensors[n] = Tensor(n, s, np.ones(s, np.float32))
    ops = (Conv2D(name="a", ins=("x", "w1", "b1"), outs=("t",), act=Act.RELU),
           MaxPool(name="m", ins=("t",), outs=("p",), kernel=(4, 4)),
           Reshape(name="r", ins=("p",), outs=("v",), to=(1, 3)),
           Dense(name="d", ins=("v", "w2", "b2"), outs=("y",)))
    g = Graph(tensors, ops, ("x",), ("y",))
    assert [(p.first.name, p.second.name) for p in pairs(g)] == [("a", "d")]
    assert pairs(g.replace(outs=("y", "p"))) == ()


@pytest.mark.parametrize("act", [Act.RELU, Act.RELU6])
def test_absorption_moves_what_never_vanishes(act: Act) -> None:
    g, x = triple(act, bias=3.0), 0.05 * inputs()
    small = (0.05 * g.const("w2")).astype(np.float32)  # or ReLU6 would cut every channel
    g = g.with_tensors(Tensor("w2", small.shape, small))
    stats = observe(g, (x,))
    assert (stats.channels["t2"].low > 0).any()
    h = absorb_bias(g, stats.channels)
    want, got = run_float(g, {"x": x})["y"], run_float(h, {"x": x})["y"]
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4 * float(np.abs(want).max()))
    after = observe(h, (x,)).channels["t2"]
    free = act is Act.RELU or stats.channels["t2"].high * 1.05 < 6
    moved = (stats.channels["t2"].low > 0) & free
    assert moved.any()
    assert np.all(after.low[moved] <= 1e-5)
    # the depthwise layer pads, so nothing may be absorbed into it
    np.testing.assert_array_equal(g.const("b1"), h.const("b1"))


@pytest.mark.parametrize("kind", [*KINDS, Equalize.AWQ])
@pytest.mark.parametrize("bits", [1, 2])
def test_weights_of_few_bits_are_equalized_too(kind: Equalize, bits: int) -> None:
    """One bit has no level between -1 and 1: its step is its largest weight."""
    made = quantize(triple(Act.RELU), inputs(64), Recipe(weight_bits=bits, equalize=kind))
    assert made.graph.tensor("w1").q is not None
