"""Conv2D, DepthwiseConv2D and Dense: floats, integers and C agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mac_cases import Geometry, acts, dense_case, geometries, seeds, window_case, zeros
from native import Native

from edgeq.board import HOST, Target
from edgeq.errors import ModelError
from edgeq.execute import run_int
from edgeq.ir import Graph, IntArray
from edgeq.ops.base import Act
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.requant import requantize

check = settings(max_examples=120, deadline=None, derandomize=True,
                 suppress_health_check=[HealthCheck.function_scoped_fixture])


def equal_to_c(native: Native, graph: Graph, x: IntArray) -> None:
    (want,) = run_int(graph, {"x": x}).values()
    (got,) = native.run(graph.ops[0], graph, x)
    np.testing.assert_array_equal(got, want)


@check
@given(geometries(), acts, st.tuples(zeros, zeros), st.booleans(), seeds)
def test_conv2d_c(native: Native, geo: Geometry, act: Act, zero: tuple[int, int],
                  per_channel: bool, seed: int) -> None:
    equal_to_c(native, *window_case(Conv2D, geo, act, zero, per_channel, seed))


@check
@given(geometries(), acts, st.tuples(zeros, zeros), st.booleans(), seeds)
def test_conv2d_of_4_bits_c(native: Native, geo: Geometry, act: Act, zero: tuple[int, int],
                            per_channel: bool, seed: int) -> None:
    graph, x = window_case(Conv2D, geo, act, zero, per_channel, seed, 4)
    (call,) = graph.ops[0].lower(graph, Target(HOST))
    assert call.func in ("eq_conv2d_s8w4", "eq_dense_s8w4")
    assert call.weight_bits == 4
    equal_to_c(native, graph, x)


@check
@given(st.integers(1, 3), st.integers(1, 70), st.integers(1, 19), acts, st.tuples(zeros, zeros),
       st.booleans(), seeds)
def test_dense_of_4_bits_c(native: Native, rows: int, in_c: int, out_c: int, act: Act,
                           zero: tuple[int, int], per_channel: bool, seed: int) -> None:
    graph, x = dense_case(rows, in_c, out_c, act, zero, per_channel, seed, 4)
    (call,) = graph.ops[0].lower(graph, Target(HOST))
    weights = next(blob for blob in call.blobs if blob.name == "weights")
    assert (call.func, weights.nbytes) == ("eq_dense_s8w4", out_c * ((in_c + 1) // 2))
    equal_to_c(native, graph, x)


def test_weights_that_4_bits_do_not_hold_keep_8() -> None:
    graph, _ = dense_case(1, 16, 3, Act.NONE, (0, 0), True, 0, 4)
    weights = graph.tensor("w")
    wide = replace(weights, data=np.where(np.arange(16) == 3, -8, weights.data).astype(np.int8))
    (call,) = graph.ops[0].lower(graph.with_tensors(wide), Target(HOST))
    assert (call.func, call.weight_bits) == ("eq_dense_s8", 8)


@check
@given(geometries(depthwise=True), acts, st.tuples(zeros, zeros), st.booleans(), seeds)
def test_depthwise_c(native: Native, geo: Geometry, act: Act, zero: tuple[int, int],
                     per_channel: bool, seed: int) -> None:
    equal_to_c(native, *window_case(DepthwiseConv2D, geo, act, zero, per_channel, seed))


@check
@given(st.integers(1, 3), st.integers(1, 70), st.integers(1, 19), acts, st.tuples(zeros, zeros),
       st.booleans(), seeds)
def test_dense_c(native: Native, rows: int, in_c: int, out_c: int, act: Act,
                 zero: tuple[int, int], per_channel: bool, seed: int) -> None:
    equal_to_c(native, *dense_case(rows, in_c, out_c, act, zero, per_channel, seed))


@settings(check, max_examples=25)
@given(geometries(), geometries(depthwise=True), st.tuples(zeros, zeros), seeds)
def test_no_undefined_behaviour(native_ubsan: Native, conv: Geometry, depthwise: Geometry,
                                zero: tuple[int, int], seed: int) -> None:
    equal_to_c(native_ubsan, *window_case(Conv2D, conv, Act.NONE, zero, True, seed))
    equal_to_c(native_ubsan, *window_case(Conv2D, conv, Act.NONE, zero, True, seed, 4))
    equal_to_c(native_ubsan, *dense_case(2, conv.in_c, conv.out_c, Act.NONE, zero, True, seed, 4))
    equal_to_c(native_ubsan, *window_case(DepthwiseConv2D, depthwise, Act.RELU, zero, True, seed))
    equal_to_c(native_ubsan, *dense_case(2, conv.in_c, conv.out_c, Act.RELU6, zero, True, seed))


def by_definition(kind: type[Conv2D] | type[DepthwiseConv2D], graph: Graph,
                  x: IntArray) -> IntArray:
    """The output from the formula in the class's docstring, in Python integers."""
    op = graph.ops[0]
    assert isinstance(op, (Conv2D, DepthwiseConv2D))
    w, b = graph.integers("w").astype(int), graph.integers("b").astype(int)
    q = graph.tensor("y").params
    in_zero = int(graph.tensor("x").params.zero)
    layer = op.mac_layer(graph)
    out = np.zeros(graph.tensor("y").shape, np.int64)
    for _, oy, ox, oc in np.ndindex(out.shape):
        acc = int(b[oc])
        for ky, kx in np.ndindex(layer.kh, layer.kw):
            y = oy * layer.stride_h + ky * layer.dil_h - layer.pad_top
            c = ox * layer.stride_w + kx * layer.dil_w - layer.pad_left
            if not (0 <= y < layer.in_h and 0 <= c < layer.in_w):
                continue
            real = x[0, y, c].astype(int) - in_zero
            if kind is Conv2D:
                acc += int(real @ w[oc, ky, kx])
            else:
                acc += int(real[oc * layer.in_c // layer.out_c] * w[0, ky, kx, oc])
        scaled = requantize(np.asarray(acc), int(layer.mult[oc]), int(layer.shift[oc]))
        out[0, oy, ox, oc] = int(scaled) + int(q.zero)
    return np.clip(out, layer.act_min, layer.act_max)


@pytest.mark.parametrize("kind", [Conv2D, DepthwiseConv2D])
@settings(check, max_examples=15)
@given(data=st.data(), zero=st.tuples(zeros, zeros), seed=seeds)
def test_integers_follow_the_definition(kind: type[Conv2D] | type[DepthwiseConv2D],
                                        data: st.DataObject, zero: tuple[int, int],
                                        seed: int) -> None:
    geo = data.draw(geometries(depthwise=kind is DepthwiseConv2D))
    graph, x = window_case(kind, geo, Act.NONE, zero, True, seed)
    np.testing.assert_array_equal(run_int(graph, {"x": x})["y"], by_definition(kind, graph, x))


@check
@given(st.data(), st.sampled_from([Conv2D, DepthwiseConv2D]), acts, seeds)
def test_integers_are_near_floats(data: st.DataObject, kind: type[Conv2D] | type[DepthwiseConv2D],
                                  act: Act, seed: int) -> None:
    geo = data.draw(geometries(depthwise=kind is DepthwiseConv2D))
    graph, x = window_case(kind, geo, act, (3, -5), True, seed)
    near_float(graph, x)


@check
@given(st.integers(1, 3), st.integers(1, 70), st.integers(1, 19), acts, seeds)
def test_dense_integers_are_near_floats(rows: int, in_c: int, out_c: int, act: Act,
                                        seed: int) -> None:
    near_float(*dense_case(rows, in_c, out_c, act, (3, -5), True, seed))


def near_float(graph: Graph, x: IntArray) -> None:
    """The integer output is the float output of the dequantized operands, to a step or so."""
    op = graph.ops[0]
    operands = [graph.tensor(n).params.dequantize(x if n == "x" else graph.integers(n))
                for n in op.ins]
    real = graph.tensor("y").params.quantize(op.run(*operands)[0])
    got = run_int(graph, {"x": x})["y"]
    assert np.max(np.abs(real.astype(int) - got)) <= 1


@pytest.mark.parametrize("kind", [Conv2D, DepthwiseConv2D])
def test_a_batch_is_its_samples(kind: type[Conv2D] | type[DepthwiseConv2D]) -> None:
    geo = Geometry(7, 6, 3, 6, 3, 2, (2, 1), (1, 2), ((1, 1), (0, 2)))
    graph, x = window_case(kind, geo, Act.RELU, (-7, 4), True, 1)
    batch = np.concatenate([x, np.flip(x), x // 2])
    whole = run_int(graph, {"x": batch})["y"]
    for i in range(3):
        np.testing.assert_array_equal(whole[i:i + 1], run_int(graph, {"x": batch[i:i + 1]})["y"])


@pytest.mark.parametrize("bias", [2**31 - 1, -(2**31)])
def test_accumulators_beyond_int32_are_refused(bias: int) -> None:
    graph, _ = dense_case(1, 64, 3, Act.NONE, (127, 0), False, 4)
    huge = replace(graph.tensor("b"), data=np.full(3, bias, np.int32))
    op = graph.ops[0]
    assert isinstance(op, Dense)
    with pytest.raises(ModelError, match="layer: "):
        op.mac_layer(graph.with_tensors(huge))
