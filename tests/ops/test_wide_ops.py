"""Models with 16-bit activations: run_int, TensorFlow Lite Micro and the portable C agree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from micro import Micro
from native import Native
from numpy.typing import NDArray
from tflite_writer import Value, single_op

from edgeq.board import Target, load_board
from edgeq.emit import emit
from edgeq.errors import UnsupportedError
from edgeq.execute import run_float, run_int
from edgeq.folder import write
from edgeq.host import HostModel
from edgeq.ir import Graph
from edgeq.lower import lower
from edgeq.ops.sigmoid16 import sigmoid_table
from edgeq.readers import read

Words = NDArray[np.int16]
Q15 = 1 / 32768


def words(rng: np.random.Generator, shape: tuple[int, ...]) -> Words:
    """Any int16 values, the extremes more often than by chance, others near 0."""
    x = rng.integers(-32768, 32768, shape)
    x = np.where(rng.random(shape) < 0.05, rng.choice([-32768, 32767], shape), x)
    return np.where(rng.random(shape) < 0.3, x >> 6, x).astype(np.int16)


def value(name: str, shape: tuple[int, ...], scale: float, data: Words | None = None) -> Value:
    return Value(name, shape, float(np.float32(scale)), data=data, kind="int16")


def graph_of(model: bytes, folder: Path) -> Graph:
    (folder / "one.tflite").write_bytes(model)
    return read(folder / "one.tflite")


def check(native: Native, folder: Path, rng: np.random.Generator, kind: str,
          ins: Sequence[Value | None], outs: Sequence[Value], options: object | None = None,
          oracle: bool = True) -> Graph:
    """Assert that all agree on random inputs; without `oracle` run_int and C only."""
    model = single_op(kind, ins, outs, options)
    graph = graph_of(model, folder)
    micro = Micro(model) if oracle else None
    for _ in range(3):
        xs = [words(rng, graph.tensor(n).shape) for n in graph.ins]
        values = dict(zip(graph.ins, xs, strict=True))
        want = run_int(graph, values)
        for op in graph.ops:
            feeds = (values[n] for n in op.ins if not graph.tensor(n).is_const)
            values |= zip(op.outs, native.run(op, graph, *feeds), strict=True)
        for name in graph.outs:
            np.testing.assert_array_equal(values[name], want[name], f"C against run_int, {kind}")
        if micro is not None:
            for name, y in zip(graph.outs, micro.run(*xs), strict=True):
                np.testing.assert_array_equal(want[name], y, f"run_int against Micro, {kind}")
    return graph


SCALES = (1e-5, 1 / 4096, 1 / 2048, 2.0**-11 * 1.0005, 3e-4, 0.004)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("kind", ["LOGISTIC", "TANH"])
def test_sigmoids(native: Native, tmp_path: Path, kind: str, scale: float) -> None:
    rng = np.random.default_rng(1)
    graph = check(native, tmp_path, rng, kind, [value("x", (1, 5, 200), scale)],
                  [value("y", (1, 5, 200), Q15)])
    every = np.arange(-32768, 32768, dtype=np.int16)[None, ::67][:, :900]
    graph = graph_of(single_op(kind, [value("x", every.shape, scale)],
                               [value("y", every.shape, Q15)]), tmp_path)
    (op,) = graph.ops
    (got,) = run_int(graph, {"x": every}).values()
    real = op.run(every.astype(np.float32) * np.float32(scale))[0]
    assert np.max(np.abs(got * Q15 - real)) < 3e-4


def test_table_of_the_sigmoid() -> None:
    """Lines between its entries are at most 1.5 steps of 2^-16 off, up to where it ends."""
    table, at = sigmoid_table().astype(np.float64), np.arange(0, 254, 1 / 16)
    want = 65536 / (1 + np.exp(-at / 24))
    assert np.max(np.abs(np.interp(at, np.arange(256), table) - want)) < 1.5


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shapes", [((1, 4, 5), (1, 4, 5)), ((1, 4, 5), (1, 1, 5)),
                                    ((1, 4, 5), (1, 4, 1)), ((1, 1, 1), (1, 4, 5))])
@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL"])
def test_arithmetic(native: Native, tmp_path: Path, kind: str,
                    shapes: tuple[tuple[int, ...], tuple[int, ...]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    sa, sb = 10.0 ** rng.uniform(-5, -3, 2)
    out = sa * sb * 20000 if kind == "MUL" else 1.3 * max(sa, sb)
    data = words(rng, shapes[1]) if seed % 2 else None
    options = getattr(schema, f"{kind.capitalize()}OptionsT")()
    options.fusedActivationFunction = seed % 3
    if kind != "MUL":
        options.potScaleInt16 = False
    check(native, tmp_path, rng, kind, [value("a", shapes[0], sa), value("b", shapes[1], sb, data)],
          [value("y", (1, 4, 5), out)], options)


@pytest.mark.parametrize("alpha", [0.1, 1.7, -0.3])
@pytest.mark.parametrize("ratio", [0.5, 1.0, 3.0])
def test_leaky_relu(native: Native, tmp_path: Path, alpha: float, ratio: float) -> None:
    options = schema.LeakyReluOptionsT()
    options.alpha = alpha
    # the package's TensorFlow Lite Micro stops on a negative slope
    check(native, tmp_path, np.random.default_rng(2), "LEAKY_RELU",
          [value("x", (1, 300), 1e-3 * ratio)], [value("y", (1, 300), 1e-3)], options,
          oracle=alpha > 0)


@pytest.mark.parametrize("kind", ["RELU", "RELU6"])
def test_relu(native: Native, tmp_path: Path, kind: str) -> None:
    """TensorFlow Lite Micro has no 16-bit ReLU: the clamp is that of reals."""
    rng = np.random.default_rng(2)
    graph = check(native, tmp_path, rng, kind, [value("x", (1, 300), 1e-3)],
                  [value("y", (1, 300), 2e-3)], oracle=False)
    x = words(rng, (1, 300))
    got = run_int(graph, {"x": x})["y"] * 2e-3
    top = 6.0 if kind == "RELU6" else 1e9
    assert np.max(np.abs(got - np.clip(x * 1e-3, 0, top))) <= 1.01e-3


@pytest.mark.parametrize("kind", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
def test_pools(native: Native, tmp_path: Path, kind: str) -> None:
    options = schema.Pool2DOptionsT()
    options.padding, options.strideH, options.strideW = schema.Padding.SAME, 2, 1
    options.filterHeight, options.filterWidth = 3, 2
    check(native, tmp_path, np.random.default_rng(3), kind, [value("x", (1, 7, 6, 5), 1e-3)],
          [value("y", (1, 4, 6, 5), 1e-3)], options)


@pytest.mark.parametrize("ratio", [0.3, 1.0, 2.5])
def test_mean(native: Native, tmp_path: Path, ratio: float) -> None:
    options = schema.ReducerOptionsT()
    options.keepDims = True
    axes = Value("axes", (2,), data=np.array([1, 2], np.int32))
    check(native, tmp_path, np.random.default_rng(3), "MEAN",
          [value("x", (1, 7, 6, 5), 1e-3 * ratio), axes], [value("y", (1, 1, 1, 5), 1e-3)],
          options)


def test_values_only_moved(native: Native, tmp_path: Path) -> None:
    """Kernels that move bytes: padding, slices, transposition, concatenation, nearest pixels."""
    rng, x = np.random.default_rng(4), value("x", (1, 4, 6, 3), 1e-3)

    def ints(name: str, *values: int, shape: tuple[int, ...] = (-1,)) -> Value:
        data = np.array(values, np.int32).reshape(shape)
        return Value(name, data.shape, data=data)

    check(native, tmp_path, rng, "PAD", [x, ints("p", 0, 0, 1, 2, 0, 3, 1, 0, shape=(4, 2))],
          [value("y", (1, 7, 9, 4), 1e-3)])
    check(native, tmp_path, rng, "TRANSPOSE", [x, ints("p", 0, 3, 1, 2)],
          [value("y", (1, 3, 4, 6), 1e-3)])
    check(native, tmp_path, rng, "STRIDED_SLICE",
          [x, ints("b", 0, 3, 1, 0), ints("e", 1, 0, 6, 3), ints("s", 1, -1, 2, 1)],
          [value("y", (1, 3, 3, 3), 1e-3)], schema.StridedSliceOptionsT())
    options = schema.ConcatenationOptionsT()
    options.axis = 3
    check(native, tmp_path, rng, "CONCATENATION", [x, value("z", (1, 4, 6, 2), 1e-3)],
          [value("y", (1, 4, 6, 5), 1e-3)], options)
    check(native, tmp_path, rng, "RESIZE_NEAREST_NEIGHBOR", [x, ints("size", 7, 5)],
          [value("y", (1, 7, 5, 3), 1e-3)], schema.ResizeNearestNeighborOptionsT())


@pytest.mark.parametrize("seed", range(4))
def test_transposed_convolution(native: Native, tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scales = tuple(float(np.float32(s)) for s in rng.uniform(0.001, 0.01, 6))
    w = rng.integers(-127, 128, (6, 3, 4, 5)).astype(np.int8)
    bias = rng.integers(-200000, 200000, 6).astype(np.int64)
    options = schema.TransposeConvOptionsT()
    options.padding, options.strideH, options.strideW = schema.Padding.SAME, 2, 1
    check(native, tmp_path, rng, "TRANSPOSE_CONV", [
        Value("shape", (4,), data=np.array([1, 8, 6, 6], np.int32)),
        Value("w", w.shape, 1.0, data=w, scales=scales), value("x", (1, 4, 6, 5), 1e-4),
        Value("b", (6,), 1.0, data=bias, scales=tuple(s * 1e-4 for s in scales))],
        [value("y", (1, 8, 6, 6), 3e-3)], options)


@pytest.mark.parametrize("kind", ["FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D"])
@pytest.mark.parametrize("seed", range(4))
def test_layers(native: Native, tmp_path: Path, kind: str, seed: int) -> None:
    """Scales for every channel (dense: one), a bias of 64 bits, or none."""
    rng = np.random.default_rng(seed)
    dense, conv = kind == "FULLY_CONNECTED", kind == "CONV_2D"
    shape = (7, 60) if dense else (7, 3, 2, 5) if conv else (1, 3, 2, 10)
    out_c = 10 if not (dense or conv) else 7
    scales = tuple(float(np.float32(s)) for s in rng.uniform(0.001, 0.01, out_c))
    w = Value("w", shape, 0.01 if dense else 1.0, data=rng.integers(-127, 128, shape).astype(
        np.int8), scales=() if dense else scales, axis=0 if conv else 3)
    bias = Value("b", (out_c,), 1e-6 if dense else 1.0, data=rng.integers(
        -200000, 200000, out_c).astype(np.int64), scales=() if dense else tuple(
            s * 1e-4 for s in scales))
    options = getattr(schema, {"FULLY_CONNECTED": "FullyConnectedOptionsT",
                               "CONV_2D": "Conv2DOptionsT"}.get(kind, "DepthwiseConv2DOptionsT"))()
    if not dense:
        options.padding, options.strideH, options.strideW = schema.Padding.SAME, 2, 1
    if not (dense or conv):
        options.depthMultiplier = 2
    out = (1, 7) if dense else (1, 4, 6, out_c)
    check(native, tmp_path, rng, kind, [value("x", (1, 60) if dense else (1, 7, 6, 5), 1e-4), w,
                                        None if seed == 3 and (dense or conv) else bias],
          [value("y", out, 3e-3)], options)


@pytest.mark.parametrize("width", [2, 30, 500])
def test_softmax_from_8_to_16_bits(native: Native, tmp_path: Path, width: int) -> None:
    rng = np.random.default_rng(6)
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    for scale in (0.003, 0.07, 0.5):
        model = single_op("SOFTMAX", [Value("x", (1, width), scale, 2)],
                          [Value("y", (1, width), 1 / 65536, -32768, kind="int16")], options)
        graph, micro = graph_of(model, tmp_path), Micro(model)
        for spread in (1, 20, 128):
            x = rng.integers(-spread, spread, (1, width)).astype(np.int8)
            want = run_int(graph, {"x": x})["y"]
            np.testing.assert_array_equal(native.run(graph.ops[0], graph, x)[0], want)
            np.testing.assert_array_equal(want, micro.run(x)[0])


def test_from_16_to_32_bits(native: Native, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    model = single_op("QUANTIZE", [Value("x", (1, 90), 1.5e-5, -32768, kind="int16")],
                      [Value("y", (1, 90), 3e-5, 0, kind="int32")])
    graph, micro, x = graph_of(model, tmp_path), Micro(model), words(rng, (1, 90))
    want = run_int(graph, {"x": x})["y"]
    np.testing.assert_array_equal(native.run(graph.ops[0], graph, x)[0], want)
    np.testing.assert_array_equal(want, micro.run(x)[0])


def test_the_whole_library(tmp_path: Path) -> None:
    """Values that are moved as bytes, in generated C: the same integers as run_int."""
    rng, x = np.random.default_rng(5), value("x", (1, 4, 6, 3), 1e-3)
    data = Value("p", (4, 2), data=np.array([[0, 0], [1, 2], [0, 3], [1, 0]], np.int32))
    graph = graph_of(single_op("PAD", [x, data], [value("y", (1, 7, 9, 4), 1e-3)]), tmp_path)
    plan = lower(graph, Target(load_board("cortex-m55")), "pad")
    write(emit(plan), tmp_path / "out")
    q = words(rng, (3, 4, 6, 3))
    (got,) = HostModel(tmp_path / "out").run(q)
    np.testing.assert_array_equal(got, run_int(graph, {"x": q})["y"])
    real = run_float(graph, {"x": q.astype(np.float32)})["y"]
    np.testing.assert_array_equal(real, got)


def test_zero_points_are_refused(tmp_path: Path) -> None:
    x = Value("x", (1, 30), 1e-3, 5, kind="int16")
    with pytest.raises(UnsupportedError, match="zero point"):
        graph_of(single_op("LOGISTIC", [x], [value("y", (1, 30), Q15)]), tmp_path)
