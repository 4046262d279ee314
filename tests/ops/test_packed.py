"""Weights of 4, 2 and 1 bits with factors: packing, run_int and the portable C agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mac_cases import Geometry, acts, dense_case, geometries, seeds, window_case, zeros
from native import Native

from edgeq.board import HOST, Target
from edgeq.errors import UsageError
from edgeq.execute import run_int
from edgeq.ir import Graph, IntArray, QuantParams, Tensor
from edgeq.kernels.levels import MOST_FACTOR, TOP, pack_units, split_factors
from edgeq.layers import MacView, mac_view
from edgeq.ops.base import Act
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.quant.coarse import best_steps, coarse_integers, coarse_rounded
from edgeq.quant.params import per_tensor
from edgeq.quant.weights import quantize_weight, weight_params
from edgeq.recipe import Recipe, Rounding

check = settings(max_examples=60, deadline=None, derandomize=True,
                 suppress_health_check=[HealthCheck.function_scoped_fixture])
widths = st.sampled_from([(4, 32), (2, 32), (2, 0), (1, 0)])  # bits, group size


def packed(graph: Graph, bits: int, group: int, seed: int) -> Graph:
    """`graph` with weights that are levels times factors."""
    rng, w = np.random.default_rng(seed), graph.tensor("w")
    group = group if w.shape[-1] % 16 == 0 else 0
    levels = rng.choice([-1, 1], w.shape) if bits == 1 else rng.integers(
        -TOP[bits], TOP[bits] + 1, w.shape)
    run = np.gcd(group, w.shape[-1]) if group else w.shape[-1]
    parts = levels.reshape(-1, run)
    factors = rng.integers(1, MOST_FACTOR[bits] + 1, len(parts)) if group else np.ones(len(parts))
    ints = (parts * factors[:, None].astype(int)).reshape(w.shape)
    q = replace(w.params, bits=bits if bits < 4 or group else 8, group=group)
    return graph.with_tensors(Tensor("w", w.shape, ints.astype(np.int8), q))


def equal_to_c(native: Native, graph: Graph, x: IntArray) -> None:
    (want,) = run_int(graph, {"x": x}).values()
    (got,) = native.run(graph.ops[0], graph, x)
    np.testing.assert_array_equal(got, want)


@check
@given(geometries(), acts, st.tuples(zeros, zeros), widths, seeds)
def test_conv2d_c(native: Native, geo: Geometry, act: Act, zero: tuple[int, int],
                  width: tuple[int, int], seed: int) -> None:
    graph, x = window_case(Conv2D, geo, act, zero, True, seed)
    equal_to_c(native, packed(graph, *width, seed), x)


@check
@given(st.integers(1, 3), st.sampled_from([1, 3, 16, 31, 32, 64, 100, 160]), st.integers(1, 70),
       acts, st.tuples(zeros, zeros), widths, seeds)
def test_dense_c(native: Native, rows: int, in_c: int, out_c: int, act: Act,
                 zero: tuple[int, int], width: tuple[int, int], seed: int) -> None:
    graph, x = dense_case(rows, in_c, out_c, act, zero, True, seed)
    equal_to_c(native, packed(graph, *width, seed), x)


@settings(check, max_examples=15)
@given(geometries(), acts, widths, seeds)
def test_no_undefined_behaviour(native_ubsan: Native, geo: Geometry, act: Act,
                                width: tuple[int, int], seed: int) -> None:
    graph, x = window_case(Conv2D, geo, act, (-128, 5), True, seed)
    equal_to_c(native_ubsan, packed(graph, *width, seed), x)
    graph, x = dense_case(2, 64, geo.out_c, act, (5, 127), True, seed)
    equal_to_c(native_ubsan, packed(graph, *width, seed), x)


@pytest.mark.parametrize(("bits", "group"), [(4, 32), (4, 128), (2, 32), (2, 0), (1, 0)])
def test_flash_holds_bits_and_factors(bits: int, group: int) -> None:
    """Levels, a byte a factor, 16 bytes of header."""
    graph, _ = dense_case(1, 256, 24, Act.NONE, (0, 0), True, 5)
    (call,) = graph.ops[0].lower(packed(graph, bits, group, 5), Target(HOST))
    blob = next(b for b in call.blobs if b.name == "weights")
    factors = 256 // group if group else 4  # filled up to a word
    assert (call.func, call.weight_bits) == ("eq_dense_s8p", bits)
    assert blob.nbytes == 16 + 24 * (256 * bits // 8 + -(-factors // 4) * 4)


def test_splitting_finds_levels_and_refuses_others() -> None:
    rows = np.array([[15 * 7, -15, 0, 30], [3, -3, 6, 21], [0, 0, 0, 0]], np.int8)
    split = split_factors(rows, 2, 4)
    assert split is not None
    levels, factors = split
    np.testing.assert_array_equal(levels * np.repeat(factors, 2, 1).astype(int), rows)
    assert np.abs(levels).max() <= 7
    assert split_factors(np.array([[1, 8]], np.int8), 0, 4) is None, "no factor fits both"
    assert split_factors(np.array([[1, 0]], np.int8), 0, 1) is None, "one bit has no zero"
    assert split_factors(np.array([[63, -63, 0]], np.int8), 0, 2) is not None


def test_units_share_bytes_lowest_bits_first() -> None:
    levels = np.array([[[1], [-1], [0], [1], [-1]]], np.int8)
    assert pack_units(levels, 2).view(np.uint8).tolist() == [[3 | 1 << 2 | 2 << 4 | 3 << 6, 1]]
    assert pack_units(levels[:, :2], 1).view(np.uint8).tolist() == [[1]]
    assert pack_units(7 * levels[:, :2], 4).view(np.uint8).tolist() == [[15 | 1 << 4]]


def layer(rng: np.random.Generator, out_c: int, in_c: int) -> MacView:
    op = Dense(name="d", ins=("x", "w", "b"), outs=("y",))
    w = (rng.normal(0, 1, (out_c, in_c)) * 2.0 ** rng.uniform(-2, 2, (1, in_c // 16)).repeat(
        16, 1)).astype(np.float32)
    tensors = (Tensor("x", (1, in_c)), Tensor("w", w.shape, w),
               Tensor("b", (out_c,), np.zeros(out_c, np.float32)), Tensor("y", (1, out_c)))
    return mac_view(Graph({t.name: t for t in tensors}, (op,), ("x",), ("y",)), op)


def params_of(view: MacView, bits: int, group: int) -> QuantParams:
    recipe = Recipe(weight_bits=bits, group_size=group)
    return weight_params(view, per_tensor(0.05, 0), per_tensor(0.1, 0), recipe, bits)


def test_factors_follow_groups_of_different_size() -> None:
    """Inputs whose weights differ by octaves: groups leave less error than one scale a channel."""
    view = layer(np.random.default_rng(1), 8, 128)

    def error(group: int) -> float:
        q = params_of(view, 4, group)
        real = q.dequantize(quantize_weight(view.weight, q))
        return float(((real - view.weight) ** 2).mean())

    assert error(32) < 0.75 * error(0)
    ints = quantize_weight(view.weight, params_of(view, 4, 32)).reshape(8, 128)
    assert split_factors(ints.astype(np.int8), 32, 4) is not None


def test_three_levels_reach_the_least_error() -> None:
    """Against every threshold: the best step and levels of a row are known by sorting |w|."""
    rows = np.random.default_rng(3).normal(0, 1, (20, 1, 24))
    step = best_steps(rows, 2)[..., None]
    got = ((np.clip(np.rint(rows / step), -1, 1) * step - rows) ** 2).sum((1, 2))
    size = -np.sort(-np.abs(rows[:, 0]), axis=1)
    sums, n = size.cumsum(1), np.arange(1, 25)
    least = (size**2).sum(1) - (sums**2 / n).max(1)  # the n largest at their mean, others 0
    assert np.all(got <= 1.02 * least)
    assert np.all(got >= least - 1e-9)


def test_two_levels_are_the_mean_size() -> None:
    rows = np.array([[[0.5, -1.5, 2.0, -4.0]]])
    assert best_steps(rows, 1).item() == 2.0
    q = QuantParams(np.array([2.0]), np.zeros(1, np.int32), 1, 0)
    assert coarse_integers(rows[0], q).tolist() == [[1, -1, 1, -1]]


@pytest.mark.parametrize(("bits", "group"), [(4, 32), (2, 32), (2, 0), (1, 0)])
def test_compensation_beats_rounding_to_nearest(bits: int, group: int) -> None:
    rng = np.random.default_rng(7)
    view = layer(rng, 8, 64)
    mix = rng.normal(0, 1, (64, 64))
    x = (rng.normal(0, 1, (2000, 64)) @ mix).astype(np.float32)
    q = params_of(view, bits, group)
    nearest = Tensor("w", view.weight.shape, quantize_weight(view.weight, q), q)
    found = coarse_rounded(view, x, x, nearest)
    assert found.params.group == group
    rows = np.asarray(found.data, np.int8).reshape(8, 64)
    assert split_factors(rows, group, bits) is not None

    def error(t: Tensor) -> float:
        d = x @ (t.params.dequantize(t.data) - view.weight).T  # type: ignore[arg-type]
        return float(((d - d.mean(0)) ** 2).mean())

    assert error(found) < 0.8 * error(nearest)


def test_recipes_refuse_what_does_not_exist() -> None:
    with pytest.raises(UsageError, match="group_size"):
        Recipe(group_size=48)
    with pytest.raises(UsageError, match="per_channel"):
        Recipe(group_size=32, per_channel=False)
    with pytest.raises(UsageError, match="act_bits"):
        Recipe(weight_bits=2, act_bits=16)
    with pytest.raises(UsageError, match="learned"):
        Recipe(weight_bits=1, rounding=Rounding.ADAROUND)
