"""Rounding across channels against exhaustive search, and its moments against closed forms."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from edgeq.ir import Graph, Tensor
from edgeq.ops.base import Act
from edgeq.ops.dense import Dense
from edgeq.quant.across import output_moments, round_across, shrunk
from edgeq.quant.compensate import round_compensated

OUT, K, TOP = 3, 4, 7


def cost(ints: np.ndarray, weights: np.ndarray, inputs: np.ndarray, outputs: np.ndarray
         ) -> np.ndarray:
    error = ints - weights
    return np.asarray(np.einsum("...ok,kl,...pl,op->...", error, inputs, error, outputs,
                                optimize=True))


def moments(rng: np.random.Generator, size: int) -> np.ndarray:
    """Of correlated vectors, of mean 1."""
    rows = rng.normal(size=(50, size)) @ rng.normal(size=(size, size))
    found = rows.T @ rows
    return np.asarray(found / np.trace(found) * size)


def test_twelve_weights_against_all_roundings() -> None:
    """Near the best of the 4096 roundings up or down; channel by channel is further away."""
    found, alone = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        weights = rng.uniform(-5, 5, (OUT, K))
        inputs, outputs = moments(rng, K), moments(rng, OUT)
        ups = np.array(list(product((0, 1), repeat=OUT * K))).reshape(-1, OUT, K)
        best = cost(np.floor(weights) + ups, weights, inputs, outputs).min()
        ints = round_across(weights, inputs, outputs, TOP)
        assert np.abs(ints).max() <= TOP
        found.append(cost(ints, weights, inputs, outputs) / best)
        ints = round_compensated(weights[None], inputs[None], TOP)[0]
        alone.append(cost(ints, weights, inputs, outputs) / best)
    assert np.mean(found) < 0.8 * np.mean(alone)
    assert max(found) < 2


def test_it_beats_rounding_channel_by_channel_where_outputs_are_few() -> None:
    """64 channels that a later layer sums to 4 numbers: most of the error goes elsewhere."""
    rng = np.random.default_rng(0)
    weights, inputs = rng.uniform(-5, 5, (64, 20)), moments(rng, 20)
    later = rng.normal(size=(4, 64))
    outputs = later.T @ later
    alone = round_compensated(weights[None], inputs[None], TOP)[0]
    found = round_across(weights, inputs, outputs, TOP)
    assert cost(found, weights, inputs, outputs) < 0.1 * cost(alone, weights, inputs, outputs)


def chain(rng: np.random.Generator, act: Act = Act.NONE) -> tuple[Graph, np.ndarray]:
    """Two dense layers, 5 -> 6 -> 4, and the weights of the second."""
    w1, w2 = (rng.normal(size=s).astype(np.float32) for s in ((6, 5), (4, 6)))
    tensors = (Tensor("x", (1, 5)), Tensor("w1", w1.shape, w1), Tensor("w2", w2.shape, w2),
               Tensor("b1", (6,), np.zeros(6, np.float32)), Tensor("h", (1, 6)),
               Tensor("b2", (4,), np.zeros(4, np.float32)), Tensor("y", (1, 4)))
    ops = (Dense(name="a", ins=("x", "w1", "b1"), outs=("h",), act=act),
           Dense(name="b", ins=("h", "w2", "b2"), outs=("y",)))
    return Graph({t.name: t for t in tensors}, ops, ("x",), ("y",)), w2


def test_output_moments_of_a_linear_network() -> None:
    """Behind the first layer is y = W2 h: the moments are W2' W2, the last layer's the identity."""
    graph, w2 = chain(np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(2000, 5)).astype(np.float32)
    found = output_moments(graph, (x,), np.random.default_rng(2))
    want = w2.T @ w2
    np.testing.assert_allclose(found["a"], want / np.trace(want) * 6, atol=0.15)
    np.testing.assert_array_equal(found["b"], np.eye(4))


def test_channels_that_never_pass_their_activation_count_little() -> None:
    graph, _ = chain(np.random.default_rng(0), Act.RELU)
    bias = np.array([-100, 1, 1, 1, 1, 1], np.float32)
    graph = graph.with_tensors(Tensor("b1", (6,), bias))
    x = np.random.default_rng(1).normal(size=(500, 5)).astype(np.float32)
    found = output_moments(graph, (x,), np.random.default_rng(2))["a"]
    assert found[0, 0] < 0.1 * found[1:, 1:].diagonal().min()


def test_shrinking() -> None:
    """Samples that agree are believed; those that differ as chance makes them are drawn to 1."""
    rng = np.random.default_rng(0)
    one = moments(rng, 5)
    np.testing.assert_allclose(shrunk([one] * 4), one, atol=1e-12)
    rows = rng.normal(size=(20, 40))
    found = shrunk([np.outer(r, r) for r in rows])
    assert np.linalg.cond(found) < 20, "20 samples of white noise in 40 dimensions"
    assert np.trace(found) == pytest.approx(40)
    np.testing.assert_array_equal(shrunk([np.zeros((3, 3))]), np.eye(3))


def test_nothing_moves_where_all_is_known_exactly() -> None:
    ints = np.random.default_rng(0).integers(-TOP, TOP, (5, 6)).astype(float)
    assert np.array_equal(round_across(ints, np.eye(6), np.eye(5), TOP), ints)


