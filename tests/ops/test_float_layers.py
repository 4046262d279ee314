"""Layers in float32: run_int and the C code give the same bits, close to the real result."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mac_cases import Geometry, acts, dense_case, geometries, seeds, window_case, zeros
from native import Native

from edgeq.board import Target, load_board
from edgeq.errors import ModelError, UnsupportedError
from edgeq.execute import run_int
from edgeq.ir import Graph, IntArray, Tensor
from edgeq.lower import lower
from edgeq.ops.base import Act, Op
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.float_layers import FloatConv2D, FloatDense, FloatDepthwiseConv2D
from edgeq.quant.params import fake_quantize

check = settings(max_examples=80, deadline=None, derandomize=True,
                 suppress_health_check=[HealthCheck.function_scoped_fixture])
TWINS: dict[type[Op], type[Op]] = {
    Conv2D: FloatConv2D, Dense: FloatDense, DepthwiseConv2D: FloatDepthwiseConv2D}
zero_points = st.tuples(zeros, zeros)
widths = st.sampled_from([8, 16])


def in_float(case: tuple[Graph, IntArray], seed: int) -> tuple[Graph, IntArray]:
    """The layer of `case` with real weights, also between its grid, in float32."""
    graph, x = case
    (op,) = graph.ops
    made = TWINS[type(op)](**{f.name: getattr(op, f.name) for f in fields(op)})
    rng = np.random.default_rng(seed)
    reals = []
    for name in op.ins[1:]:
        t = graph.tensor(name)
        real = t.params.dequantize(graph.integers(name))
        real = (real * rng.uniform(0.7, 1.3, real.shape)).astype(np.float32)
        reals.append(Tensor(name, t.shape, real))
    return graph.replace(tensors={**graph.tensors, **{t.name: t for t in reals}}, ops=(made,)), x


def equal(native: Native, graph: Graph, x: IntArray) -> None:
    """C gives what run_int gives, and both are within a step of the exact result."""
    (got,) = native.run(graph.ops[0], graph, x)
    (want,) = run_int(graph, {"x": x}).values()
    np.testing.assert_array_equal(got, want)
    real = graph.tensor("x").params.dequantize(x)
    (y,) = graph.ops[0].run(real, *(np.asarray(graph.const(n), np.float32)
                                    for n in graph.ops[0].ins[1:]))
    q = graph.tensor("y").params
    off = fake_quantize(y, q).reshape(want.shape) - q.dequantize(want)
    assert np.abs(off).max() <= 1.001 * float(q.scale)


@check
@given(geometries(), acts, zero_points, seeds, widths)
def test_conv2d(native: Native, geo: Geometry, act: Act, zero: tuple[int, int], seed: int,
                bits: int) -> None:
    equal(native, *in_float(window_case(Conv2D, geo, act, zero, True, seed, act_bits=bits), seed))


@check
@given(geometries(depthwise=True), acts, zero_points, seeds, widths)
def test_depthwise(native: Native, geo: Geometry, act: Act, zero: tuple[int, int], seed: int,
                   bits: int) -> None:
    case = window_case(DepthwiseConv2D, geo, act, zero, True, seed, act_bits=bits)
    equal(native, *in_float(case, seed))


@check
@given(st.integers(1, 3), st.integers(1, 70), st.integers(1, 19), acts, zero_points, seeds, widths)
def test_dense(native: Native, rows: int, in_c: int, out_c: int, act: Act,
               zero: tuple[int, int], seed: int, bits: int) -> None:
    case = dense_case(rows, in_c, out_c, act, zero, True, seed, act_bits=bits)
    equal(native, *in_float(case, seed))


@settings(check, max_examples=20)
@given(geometries(), geometries(depthwise=True), seeds, widths)
def test_no_undefined_behaviour(native_ubsan: Native, conv: Geometry, depthwise: Geometry,
                                seed: int, bits: int) -> None:
    for kind, geo in ((Conv2D, conv), (DepthwiseConv2D, depthwise)):
        case = window_case(kind, geo, Act.NONE, (-128, 127), True, seed, act_bits=bits)
        equal(native_ubsan, *in_float(case, seed))


def test_a_sum_keeps_the_order_of_the_weights() -> None:
    """2**24 + 1 - 2**24: 0 in order, 1 where the large terms meet first or with more bits."""
    graph, _ = in_float(dense_case(1, 3, 1, Act.NONE, (0, 0), False, 0), 0)
    x, y = (replace(graph.tensor(n), q=replace(graph.tensor(n).params, scale=np.float64(1)))
            for n in "xy")
    w = Tensor("w", (1, 3), np.array([[2.0**24, 1, -(2.0**24)]], np.float32))
    graph = graph.with_tensors(x, y, w, Tensor("b", (1,), np.zeros(1, np.float32)))
    assert int(run_int(graph, {"x": np.ones((1, 1, 3), np.int8)})["y"].item()) == 0


@pytest.mark.parametrize("board", ["cortex-m0plus", "cortex-m3"])
def test_boards_without_an_fpu_refuse(board: str) -> None:
    graph, _ = in_float(dense_case(1, 8, 3, Act.NONE, (0, 0), True, 0), 0)
    with pytest.raises(UnsupportedError, match="no FPU"):
        lower(graph, Target(load_board(board)))


def test_sums_that_float32_does_not_hold_are_refused() -> None:
    graph, _ = in_float(dense_case(1, 8, 3, Act.NONE, (0, 0), True, 0), 0)
    huge = Tensor("w", (3, 8), np.full((3, 8), 3e38, np.float32))
    with pytest.raises(ModelError, match="float32"):
        lower(graph.with_tensors(huge), Target(load_board("host")))
