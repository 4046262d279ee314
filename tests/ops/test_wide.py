"""16-bit activations: run_int, LiteRT's reference kernels and the portable C agree."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mac_cases import Geometry, acts, dense_case, geometries, seeds, window_case
from native import Native
from numpy.typing import NDArray
from tflite_writer import Reference, Value, single_op

from edgeq.board import HOST, Target
from edgeq.errors import UnsupportedError, UsageError
from edgeq.execute import run_int
from edgeq.ir import Graph, QuantParams, Tensor
from edgeq.lower import lower
from edgeq.ops.base import Act, Op
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.div import Div
from edgeq.ops.elementwise import Add
from edgeq.ops.pool import AveragePool
from edgeq.ops.softmax import Softmax
from edgeq.recipe import Recipe

check = settings(max_examples=60, deadline=None, derandomize=True,
                 suppress_health_check=[HealthCheck.function_scoped_fixture])
Words = NDArray[np.int16]


def equal_to_c(native: Native, graph: Graph, x: Words) -> None:
    (want,) = run_int(graph, {"x": x}).values()
    (got,) = native.run(graph.ops[0], graph, x)
    assert got.dtype == np.int16
    np.testing.assert_array_equal(got, want)


@check
@given(geometries(), acts, st.booleans(), seeds)
def test_conv2d_c(native: Native, geo: Geometry, act: Act, per_channel: bool, seed: int) -> None:
    equal_to_c(native, *window_case(Conv2D, geo, act, (0, 0), per_channel, seed, act_bits=16))


@check
@given(geometries(depthwise=True), acts, st.booleans(), seeds)
def test_depthwise_c(native: Native, geo: Geometry, act: Act, per_channel: bool,
                     seed: int) -> None:
    equal_to_c(native, *window_case(DepthwiseConv2D, geo, act, (0, 0), per_channel, seed,
                                    act_bits=16))


@check
@given(st.integers(1, 3), st.sampled_from([1, 7, 255, 256, 257, 700]), st.integers(1, 9), acts,
       st.booleans(), seeds)
def test_dense_c(native: Native, rows: int, in_c: int, out_c: int, act: Act, per_channel: bool,
                 seed: int) -> None:
    equal_to_c(native, *dense_case(rows, in_c, out_c, act, (0, 0), per_channel, seed,
                                   act_bits=16))


@settings(check, max_examples=15)
@given(geometries(), geometries(depthwise=True), seeds)
def test_no_undefined_behaviour(native_ubsan: Native, conv: Geometry, depthwise: Geometry,
                                seed: int) -> None:
    equal_to_c(native_ubsan, *window_case(Conv2D, conv, Act.NONE, (0, 0), True, seed, act_bits=16))
    equal_to_c(native_ubsan, *window_case(DepthwiseConv2D, depthwise, Act.RELU, (0, 0), True, seed,
                                          act_bits=16))
    equal_to_c(native_ubsan, *dense_case(2, 600, conv.out_c, Act.RELU6, (0, 0), True, seed,
                                         act_bits=16))


def words(rng: np.random.Generator, shape: tuple[int, ...]) -> Words:
    """Any int16 values, the extremes more often than by chance."""
    x = rng.integers(-32768, 32768, shape).astype(np.int16)
    edge = rng.choice(np.array([-32768, 32767], np.int16), shape)
    return np.where(rng.random(shape) < 0.05, edge, x)


def scale_of(rng: np.random.Generator) -> float:
    return float(np.float32(10.0 ** rng.uniform(-5, -2)))


def plain(op: Op, shapes: tuple[tuple[int, ...], ...], scales: tuple[float, ...]) -> Graph:
    """A graph of one operator; scales of the inputs, then of the output."""
    names = (*op.ins, *op.outs)
    tensors = {n: Tensor(n, s, q=QuantParams(np.float64(scale), np.int32(0), 16))
               for n, s, scale in zip(names, (*shapes, *op.shape(*shapes)), scales, strict=True)}
    return Graph(tensors, (op,), op.ins, op.outs)


def value(graph: Graph, name: str) -> Value:
    t = graph.tensor(name)
    return Value(name, t.shape, float(t.params.scale), kind="int16")


def same_as_litert(native: Native, graph: Graph, kind: str, options: object | None,
                   rng: np.random.Generator) -> None:
    """One operator without constants, three ways."""
    (op,) = graph.ops
    model = single_op(kind, [value(graph, n) for n in op.ins],
                      [value(graph, n) for n in op.outs], options)
    reference = Reference(model)
    for _ in range(3):
        xs = [words(rng, graph.tensor(n).shape) for n in op.ins]
        (want,) = run_int(graph, dict(zip(op.ins, xs, strict=True))).values()
        (got,) = native.run(op, graph, *xs)
        np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(want, reference.run(*xs)[0])


@pytest.mark.parametrize("seed", range(12))
def test_add(native: Native, seed: int) -> None:
    rng = np.random.default_rng(seed)
    op = Add(name="add", ins=("a", "b"), outs=("y",), act=Act.RELU if seed % 3 == 0 else Act.NONE)
    a, b = scale_of(rng), scale_of(rng)
    graph = plain(op, ((1, 5, 7), (1, 5, 7)), (a, b, max(a, b) * float(rng.uniform(0.7, 2))))
    options = schema.AddOptionsT()
    options.potScaleInt16 = False
    options.fusedActivationFunction = int(op.act is Act.RELU)
    same_as_litert(native, graph, "ADD", options, rng)


@pytest.mark.parametrize("seed", range(6))
def test_average_pool(native: Native, seed: int) -> None:
    rng = np.random.default_rng(seed)
    kernel, stride = ((3, 2), (2, 1)) if seed % 2 else ((6, 5), (1, 1))
    op = AveragePool(name="pool", ins=("x",), outs=("y",), kernel=kernel, stride=stride)
    scale = scale_of(rng)
    graph = plain(op, ((1, 6, 5, 9),), (scale, scale))
    options = schema.Pool2DOptionsT()
    options.filterHeight, options.filterWidth = kernel
    options.strideH, options.strideW = stride
    options.padding = schema.Padding.VALID
    same_as_litert(native, graph, "AVERAGE_POOL_2D", options, rng)


@pytest.mark.parametrize("seed", range(12))
def test_softmax(native: Native, seed: int) -> None:
    rng = np.random.default_rng(seed)
    op = Softmax(name="softmax", ins=("x",), outs=("y",), beta=1.0)
    scale = float(np.float32(10.0 ** rng.uniform(-5, -3)))
    graph = plain(op, ((2, 3 + 20 * (seed % 3)),), (scale, 1 / 32768))
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    same_as_litert(native, graph, "SOFTMAX", options, rng)


@pytest.mark.parametrize("kind", ["FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D"])
@pytest.mark.parametrize("seed", range(6))
def test_layers_of_litert(kind: str, seed: int) -> None:
    """One scale a tensor. Dense layers: LiteRT 2.3 rescales by 31 bits there, TensorFlow Lite
    Micro, CMSIS-NN and edgeq by 15 as in convolutions, which is a step apart at times."""
    rng = np.random.default_rng(seed)
    if kind == "FULLY_CONNECTED":
        graph, _ = dense_case(1, 60, 7, Act.NONE, (0, 0), False, seed, act_bits=16)
        options: object = schema.FullyConnectedOptionsT()
    else:
        op = Conv2D if kind == "CONV_2D" else DepthwiseConv2D
        geo = Geometry(7, 6, 4, 4 if op is Conv2D else 8, 3, 2, (2, 1), (1, 1), ((0, 0), (0, 0)))
        graph, _ = window_case(op, geo, Act.NONE, (0, 0), False, seed, act_bits=16)
        options = schema.Conv2DOptionsT() if op is Conv2D else schema.DepthwiseConv2DOptionsT()
        options.padding = schema.Padding.VALID  # type: ignore[attr-defined]
        options.strideH, options.strideW = geo.stride  # type: ignore[attr-defined]
        if op is DepthwiseConv2D:
            options.depthMultiplier = 2  # type: ignore[attr-defined]
    w, b = graph.integers("w"), graph.integers("b")
    y = graph.tensor("y")
    model = single_op(kind, [
        value(graph, "x"), Value("w", w.shape, float(graph.tensor("w").params.scale), data=w),
        Value("b", b.shape, float(graph.tensor("b").params.scale), data=b.astype(np.int64))],
        [Value("y", (1, 7) if kind == "FULLY_CONNECTED" else y.shape,
               float(y.params.scale), kind="int16")], options)
    reference = Reference(model)
    shape = graph.tensor("x").shape
    for _ in range(3):
        x = words(rng, shape)
        want = run_int(graph, {"x": x})["y"]
        got = reference.run(x)[0].reshape(want.shape)
        assert np.max(np.abs(want.astype(int) - got)) <= int(kind == "FULLY_CONNECTED")


def test_operators_without_16_bits_say_so() -> None:
    op = Div(name="div", ins=("a", "b"), outs=("y",))
    with pytest.raises(UnsupportedError, match="16-bit activations"):
        lower(plain(op, ((1, 4), (1, 4)), (0.1, 0.1, 0.1)), Target(HOST), "model")


def test_recipes_name_the_precisions_there_are() -> None:
    with pytest.raises(UsageError, match="act_bits"):
        Recipe(act_bits=16, weight_bits=4)
    with pytest.raises(UsageError, match="weight_bits"):
        Recipe(weight_bits=3)


def test_dense_with_huge_sums_stays_exact(native: Native) -> None:
    """Sums beyond 32 bits: 2000 products of the largest factors."""
    graph, x = dense_case(1, 2000, 2, Act.NONE, (0, 0), False, 3, act_bits=16)
    full = np.full(x.shape, -32768, np.int16)
    weights = Tensor("w", (2, 2000), np.full((2, 2000), -128, np.int8), graph.tensor("w").q)
    out = QuantParams(np.float64(0.0002 * 0.01 * 3e5), np.int32(0), 16)
    graph = graph.with_tensors(weights, Tensor("y", graph.tensor("y").shape, None, out))
    assert isinstance(graph.ops[0], Dense)
    equal_to_c(native, graph, full)
    acc = 2000 * 32768 * 128
    assert acc > 1 << 31
    assert abs(int(run_int(graph, {"x": full})["y"][0, 0, 0]) - acc / 3e5) <= 1
