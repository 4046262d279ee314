"""uint8 models of the older kind: read as int8, the same integers as LiteRT's reference kernels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from native import Native
from numpy.typing import NDArray
from tflite_writer import Reference, Value, single_op

from edgeq.errors import UnsupportedError
from edgeq.execute import run_int
from edgeq.ir import Graph
from edgeq.readers import read

Bytes = NDArray[np.uint8]
ACTS = (schema.ActivationFunctionType.NONE, schema.ActivationFunctionType.RELU6)


def value(rng: np.random.Generator, name: str, shape: tuple[int, ...], scale: float = 0.0) -> Value:
    return Value(name, shape, scale or float(np.float32(rng.uniform(0.005, 0.05))),
                 int(rng.integers(0, 256)), kind="uint8")


def weights(rng: np.random.Generator, shape: tuple[int, ...]) -> Value:
    """Weights over the whole range, or few around their zero point, which then fit int8."""
    zero = int(rng.integers(0, 256))
    low, high = (0, 256) if rng.random() < 0.7 else (max(0, zero - 100), min(256, zero + 100))
    data = rng.integers(low, high, shape).astype(np.uint8)
    return Value("w", shape, float(np.float32(rng.uniform(0.001, 0.01))), zero, data)


def graph_of(model: bytes, folder: Path) -> Graph:
    (folder / "one.tflite").write_bytes(model)
    return read(folder / "one.tflite")


def check(native: Native, folder: Path, rng: np.random.Generator, kind: str, ins: list[Value],
          out: Value, options: object, off: int = 0) -> Graph:
    """Assert that run_int and C agree, and that LiteRT is at most `off` away."""
    model = single_op(kind, ins, [out], options)
    graph = graph_of(model, folder)
    (op,) = graph.ops
    reference = Reference(model)
    for _ in range(3):
        xs = [rng.integers(0, 256, graph.tensor(n).shape).astype(np.uint8) for n in graph.ins]
        signed = [(x ^ 128).view(np.int8) for x in xs]
        (want,) = run_int(graph, dict(zip(graph.ins, signed, strict=True))).values()
        (got,) = native.run(op, graph, *signed)
        np.testing.assert_array_equal(got, want)
        (theirs,) = reference.run(*xs)
        mine = want.view(np.uint8) ^ 128
        assert np.max(np.abs(mine.astype(int) - theirs.reshape(mine.shape))) <= off
    return graph


def bias(rng: np.random.Generator, x: Value, w: Value, n: int) -> Value:
    return Value("b", (n,), float(np.float32(x.scale * w.scale)),
                 data=rng.integers(-5000, 5000, n).astype(np.int32))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("depthwise", [False, True])
def test_convolutions(native: Native, tmp_path: Path, depthwise: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = value(rng, "x", (1, 7, 6, 5))
    out_c = 10 if depthwise else 7
    w = weights(rng, (1, 3, 2, out_c) if depthwise else (out_c, 3, 2, 5))
    options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
    options.padding = schema.Padding.SAME if seed % 2 else schema.Padding.VALID
    options.strideH, options.strideW = 1 + seed % 2, 1
    options.fusedActivationFunction = ACTS[seed % 2]
    if depthwise:
        options.depthMultiplier = 2
    rows, cols = ((4, 6) if seed % 2 else (5, 5))
    y = value(rng, "y", (1, rows, cols, out_c), x.scale * w.scale * 300)
    kind = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    check(native, tmp_path, rng, kind, [x, w, bias(rng, x, w, out_c)], y, options)


@pytest.mark.parametrize("seed", range(8))
def test_dense(native: Native, tmp_path: Path, seed: int) -> None:
    """LiteRT rounds dense layers once, edgeq twice as TensorFlow Lite Micro: one apart at times."""
    rng = np.random.default_rng(seed)
    x, w = value(rng, "x", (1, 50)), weights(rng, (9, 50))
    y = value(rng, "y", (1, 9), x.scale * w.scale * 700)
    check(native, tmp_path, rng, "FULLY_CONNECTED", [x, w, bias(rng, x, w, 9)], y,
          schema.FullyConnectedOptionsT(), off=1)


@pytest.mark.parametrize("kernel", [(2, 2), (3, 3), (4, 3)])
@pytest.mark.parametrize("kind", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
@pytest.mark.parametrize("padding", [schema.Padding.SAME, schema.Padding.VALID])
def test_pools(native: Native, tmp_path: Path, kind: str, kernel: tuple[int, int],
               padding: int) -> None:
    rng = np.random.default_rng(kernel)
    x = value(rng, "x", (1, 8, 8, 6))
    options = schema.Pool2DOptionsT()
    options.padding, options.strideH, options.strideW = padding, 2, 1
    options.filterHeight, options.filterWidth = kernel
    same = padding == schema.Padding.SAME
    rows, cols = (4, 8) if same else ((8 - kernel[0]) // 2 + 1, 9 - kernel[1])
    y = Value("y", (1, rows, cols, 6), x.scale, x.zero, kind="uint8")
    check(native, tmp_path, rng, kind, [x], y, options)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL"])
def test_arithmetic(native: Native, tmp_path: Path, kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = value(rng, "a", (1, 4, 5, 6)), value(rng, "b", (1, 4, 5, 6))
    options = getattr(schema, f"{kind.capitalize()}OptionsT")()
    options.fusedActivationFunction = ACTS[seed % 2]
    scale = 100 * a.scale * b.scale if kind == "MUL" else 1.2 * max(a.scale, b.scale)
    y = value(rng, "y", a.shape, float(np.float32(scale)))
    check(native, tmp_path, rng, kind, [a, b], y, options)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["SOFTMAX", "LOGISTIC", "RELU6"])
def test_functions(native: Native, tmp_path: Path, kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = value(rng, "x", (1, 12))
    options = schema.SoftmaxOptionsT() if kind == "SOFTMAX" else None
    if options is not None:
        options.beta = 1.0
    y = value(rng, "y", (1, 12), x.scale) if kind == "RELU6" else Value(
        "y", (1, 12), 1 / 256, 0, kind="uint8")
    check(native, tmp_path, rng, kind, [x], y, options)


def test_weights_that_fit_int8_need_no_zero_point(tmp_path: Path) -> None:
    """So they take the kernels of the board; others the portable ones."""
    rng = np.random.default_rng(0)
    x, y = value(rng, "x", (1, 50)), value(rng, "y", (1, 9))
    for low, high, zero in ((60, 200, 90), (0, 256, 90)):
        data = rng.integers(low, high, (9, 50)).astype(np.uint8)
        w = Value("w", (9, 50), 0.01, zero, data)
        graph = graph_of(single_op("FULLY_CONNECTED", [x, w, bias(rng, x, w, 9)], [y],
                                   schema.FullyConnectedOptionsT()), tmp_path)
        want = 0 if low else zero - 128
        assert int(graph.tensor("w").params.zero) == want


def test_zero_points_for_channels_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = value(rng, "x", (1, 50)), value(rng, "y", (1, 2))
    data = rng.integers(0, 256, (2, 50)).astype(np.uint8)
    model = single_op("FULLY_CONNECTED", [x, Value("w", (2, 50), 0.01, 7, data, zeros=(7, 9)),
                                          None], [y], schema.FullyConnectedOptionsT())
    with pytest.raises(UnsupportedError, match="zero point"):
        graph_of(model, tmp_path)
