"""Nodes that choose by rank, place or index: the values of ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
ort = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

from onnx_models import OnnxFile  # noqa: E402

from edgeq.execute import run_float, run_int  # noqa: E402
from edgeq.passes import simplify  # noqa: E402
from edgeq.quant import quantize  # noqa: E402
from edgeq.readers import read  # noqa: E402
from edgeq.recipe import load_recipe  # noqa: E402

INDEX = onnx.TensorProto.INT64
SHAPE = (1, 5, 6)


def gathered(m: OnnxFile, axis: int) -> list[str]:
    m.input("i", (1, 3), INDEX)
    m.op("Gather", ["x", "i"], "y", axis=axis)
    return ["y"]


def best(m: OnnxFile, axis: int, largest: int) -> list[str]:
    m.op("TopK", ["x", m.integers("k", 3)], ["values", "indices"], axis=axis, largest=largest)
    return ["values"]


def encoded(m: OnnxFile, axis: int) -> list[str]:
    m.input("i", (1, 3), INDEX)
    m.op("OneHot", ["i", m.integers("depth", 5), m.const("v", np.array([-1, 3], np.float32))],
         "hot", axis=axis)
    m.op("ReduceSum", ["hot", m.integers("axes", 1, 2)], "total", keepdims=1)
    m.op("Mul", ["x", "total"], "y")
    return ["y"]


def triangular(m: OnnxFile, k: int, upper: int) -> list[str]:
    m.op("Trilu", ["x", m.const("k", np.array(k, np.int64))], "y", upper=upper)
    return ["y"]


def places(m: OnnxFile) -> list[str]:
    m.op("GatherND", ["x", m.const("at", np.array([[[0, 1], [0, -1]], [[0, 2], [0, 3]]],
                                                  np.int64))], "y")
    return ["y"]


def turned(m: OnnxFile) -> list[str]:
    m.op("ReverseSequence", ["x", m.integers("lengths", 4)], "y", batch_axis=0, time_axis=1)
    return ["y"]


CASES: dict[str, Callable[[OnnxFile], list[str]]] = {
    "gather 1": lambda m: gathered(m, 1), "gather 2": lambda m: gathered(m, 2),
    "largest": lambda m: best(m, 2, 1), "smallest": lambda m: best(m, 1, 0),
    "one hot": lambda m: encoded(m, -1), "one hot in front": lambda m: encoded(m, 1),
    "upper": lambda m: triangular(m, 1, 1), "lower": lambda m: triangular(m, -1, 0),
    "places": places, "turned": turned}


@pytest.mark.parametrize("name", CASES)
def test_chosen_values(tmp_path: Path, name: str) -> None:
    """Floats as ONNX Runtime; integers of the quantized graph within two steps of them."""
    m = OnnxFile()
    m.input("x", SHAPE)
    outs = CASES[name](m)
    path = m.write(tmp_path / "m.onnx", *outs)
    rng = np.random.default_rng(1)
    feeds: dict[str, NDArray[np.generic]] = {"x": rng.normal(0, 1, SHAPE).astype(np.float32)}
    if any(i.name == "i" for i in m.ins):
        feeds["i"] = np.array([[0, 3, 1]], np.int64)
    wants = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, feeds)
    graph = simplify(read(path))
    given = {n: x.transpose(np.argsort(graph.moved[n])) if n in graph.moved else x
             for n, x in feeds.items()}
    ints = quantize(graph, tuple(given[n].astype(np.float32) for n in graph.ins),
                    load_recipe("fast")).graph
    real = run_float(graph, {n: x.astype(np.float32) for n, x in given.items()})
    whole = run_int(ints, {n: ints.tensor(n).params.quantize(x.astype(np.float64))
                           for n, x in given.items()})
    for out, want in zip(graph.outs, wants, strict=True):
        y, q = real[out], ints.tensor(out).params.dequantize(whole[out])
        if out in graph.moved:
            y, q = y.transpose(graph.moved[out]), q.transpose(graph.moved[out])
        np.testing.assert_allclose(y.reshape(want.shape), want, rtol=1e-5, atol=1e-6)
        step = float(ints.tensor(out).params.scale)
        np.testing.assert_allclose(q.reshape(want.shape), want, atol=2 * step + 0.05)
