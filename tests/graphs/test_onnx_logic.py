"""Conditions of ONNX models: choices and logic between layers, in float, integers and C."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")

from onnx import TensorProto  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402
from onnx_models import OnnxFile  # noqa: E402

from edgeq.board import HOST, Target  # noqa: E402
from edgeq.emit import emit  # noqa: E402
from edgeq.errors import UnsupportedError  # noqa: E402
from edgeq.execute import run_float, run_int  # noqa: E402
from edgeq.folder import write  # noqa: E402
from edgeq.host import HostModel  # noqa: E402
from edgeq.ir import Graph  # noqa: E402
from edgeq.lower import lower  # noqa: E402
from edgeq.ops.gather import Transpose  # noqa: E402
from edgeq.passes import simplify  # noqa: E402
from edgeq.quant import quantize  # noqa: E402
from edgeq.quant.simulate import sqnr_db  # noqa: E402
from edgeq.readers import read  # noqa: E402
from edgeq.recipe import load_recipe  # noqa: E402

C, H, W = 4, 5, 6


def convolution(m: OnnxFile, x: str, name: str) -> str:
    """A 3 x 3 layer that keeps the shape."""
    return m.op("Conv", [x, m.random(f"w_{name}", C, C, 3, 3), m.random(f"b_{name}", C)], name,
                pads=[1, 1, 1, 1])


def gated(folder: Path) -> Path:
    """Two layers, one of them where all of three conditions on both say so; a layer behind."""
    m = OnnxFile()
    m.input("x", (1, C, H, W))
    m.input("on", (1, 1, 1, W), TensorProto.BOOL)
    a, b = convolution(m, "x", "a"), convolution(m, "x", "b")
    larger = m.op("Greater", [a, b], "larger")
    small = m.op("Less", [b, m.random("bound", C, 1, 1)], "small")
    odd = m.op("Xor", [larger, small], "odd")
    both = m.op("Or", [m.op("Not", [odd], "even"), m.op("And", [larger, "on"], "open")], "both")
    chosen = m.op("Where", [both, a, m.op("Where", ["on", b, m.random("else", C, 1, 1)], "inner")],
                  "chosen")
    convolution(m, chosen, "y")
    return m.write(folder / "gated.onnx", "y")


def feeds_of(graph: Graph, n: int, seed: int) -> dict[str, np.ndarray]:
    """Random samples in the order of axes of `graph`; the condition is 0 or 1."""
    rng = np.random.default_rng(seed)
    return {name: (rng.integers(0, 2, (n, *graph.tensor(name).shape[1:])).astype(np.float32)
                   if name == "on" else
                   rng.normal(size=(n, *graph.tensor(name).shape[1:])).astype(np.float32))
            for name in graph.ins}


def test_no_transpose_is_left_and_the_values_are_those_of_onnx(tmp_path: Path) -> None:
    path = gated(tmp_path)
    graph = simplify(read(path))
    assert not [op for op in graph.ops if isinstance(op, Transpose)]
    feeds = feeds_of(graph, 3, 1)
    (got,) = run_float(graph, feeds).values()
    reference = ReferenceEvaluator(str(path))
    for i in range(3):
        one = {n: np.ascontiguousarray(x[i:i + 1].transpose(graph.moved.get(n, range(4))))
               for n, x in feeds.items()}
        (want,) = reference.run(None, one | {"on": one["on"].astype(bool)})
        y = got[i:i + 1].transpose(graph.moved["y"])
        np.testing.assert_allclose(y, want, rtol=1e-4, atol=1e-4)


def test_conditions_are_bytes_of_0_and_1_down_to_the_c_interface(tmp_path: Path) -> None:
    graph = simplify(read(gated(tmp_path)))
    calib, test = feeds_of(graph, 200, 2), feeds_of(graph, 40, 3)
    ints = quantize(graph, tuple(calib[n] for n in graph.ins), load_recipe("fast")).graph
    on = ints.tensor("on").params
    assert (float(on.scale), int(on.zero), on.bits) == (1.0, 0, 8)
    qs = {n: ints.tensor(n).params.quantize(x) for n, x in test.items()}
    (want,) = run_int(ints, qs).values()
    # a condition that flips by a rounding exchanges the two layers, which no scale can bound
    assert sqnr_db(run_float(graph, test)["y"], ints.tensor("y").params.dequantize(want)) > 15
    folder = tmp_path / "out"
    write(emit(lower(ints, Target(HOST))), folder)
    (got,) = HostModel(folder).run(*(qs[n] for n in ints.ins))
    np.testing.assert_array_equal(got, want)


def test_casts(tmp_path: Path) -> None:
    """To 0 and 1 and back; a cast to integers of values that are none is refused."""
    m = OnnxFile()
    m.input("x", (1, 8))
    true = m.op("Cast", ["x"], "true", to=TensorProto.BOOL)
    whole = m.op("Cast", [true], "whole", to=TensorProto.INT64)
    m.op("Mul", [m.op("Cast", [whole], "real", to=TensorProto.FLOAT), m.random("k", 8)], "y")
    graph = read(m.write(tmp_path / "casts.onnx", "y"))
    x = np.array([[0, 1, -2, 0, 0.25, 0, 7, 0]], np.float32)
    k = ReferenceEvaluator(str(tmp_path / "casts.onnx")).run(None, {"x": x})[0]
    np.testing.assert_allclose(run_float(graph, {"x": x})["y"], k)
    m = OnnxFile()
    m.input("x", (1, 8))
    m.op("Cast", [m.op("Neg", ["x"], "negative")], "y", to=TensorProto.INT32)
    m.output("y", TensorProto.INT32)
    with pytest.raises(UnsupportedError, match="casts to type 6"):
        read(m.write(tmp_path / "to_int.onnx"))
