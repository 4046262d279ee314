"""Grouped CONV_2D nodes: integers as TensorFlow Lite Micro computes them, floats as LiteRT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from micro import Micro
from tflite_writer import Reference, Value, single_op

from edgeq.execute import run_float, run_int
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.readers import read


def options() -> schema.Conv2DOptionsT:
    made = schema.Conv2DOptionsT()
    made.padding, made.strideH, made.strideW = schema.Padding.SAME, 1, 2
    made.fusedActivationFunction = schema.ActivationFunctionType.RELU
    return made


@pytest.mark.parametrize("kind", ["int8", "int16"])
@pytest.mark.parametrize(("in_c", "each", "out_c"), [(8, 4, 6), (6, 2, 9), (6, 1, 12), (5, 1, 5)])
def test_integers(tmp_path: Path, in_c: int, each: int, out_c: int, kind: str) -> None:
    rng = np.random.default_rng(in_c * out_c)
    narrow = kind == "int8"
    scale, zero = (0.02, 11) if narrow else (1e-4, 0)
    scales = tuple(float(np.float32(s)) for s in rng.uniform(0.001, 0.01, out_c))
    w = rng.integers(-127, 128, (out_c, 3, 2, each)).astype(np.int8)
    bias = rng.integers(-900, 900, out_c).astype(np.int32 if narrow else np.int64)
    model = single_op("CONV_2D", [
        Value("x", (1, 5, 6, in_c), scale, zero, kind=kind),
        Value("w", w.shape, 1.0, data=w, scales=scales),
        Value("b", (out_c,), 1.0, data=bias, scales=tuple(s * scale for s in scales))],
        [Value("y", (1, 5, 3, out_c), 0.05 if narrow else 3e-4, -20 if narrow else 0, kind=kind)],
        options())
    (tmp_path / "one.tflite").write_bytes(model)
    graph, micro = read(tmp_path / "one.tflite"), Micro(model)
    assert any(isinstance(op, DepthwiseConv2D) for op in graph.ops) == (each == 1)
    info = np.iinfo(kind)
    for _ in range(5):
        x = rng.integers(info.min, info.max + 1, (1, 5, 6, in_c)).astype(kind)
        np.testing.assert_array_equal(run_int(graph, {"x": x})["y"], micro.run(x)[0])


@pytest.mark.parametrize(("in_c", "each", "out_c"), [(8, 4, 6), (6, 1, 12)])
def test_floats(tmp_path: Path, in_c: int, each: int, out_c: int) -> None:
    rng = np.random.default_rng(1)
    w, b = (rng.normal(size=s).astype(np.float32) for s in ((out_c, 3, 2, each), (out_c,)))
    model = single_op("CONV_2D", [Value("x", (1, 5, 6, in_c)), Value("w", w.shape, data=w),
                                  Value("b", b.shape, data=b)],
                      [Value("y", (1, 5, 3, out_c))], options())
    (tmp_path / "one.tflite").write_bytes(model)
    x = rng.normal(size=(1, 5, 6, in_c)).astype(np.float32)
    got = run_float(read(tmp_path / "one.tflite"), {"x": x})["y"]
    # the reference kernels: LiteRT's others want groups of the whole vector
    np.testing.assert_allclose(got, Reference(model).run(x)[0], rtol=1e-5, atol=1e-5)
