"""ONNX Resize of images becomes our operator wherever that does the same as onnxruntime."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeq.execute import run_float
from edgeq.ops.resize import Resize
from edgeq.passes import simplify
from edgeq.readers.onnx import read_onnx_bytes

SHAPE = (1, 3, 5, 6)


def model(target: tuple[int, int], mode: str, place: str, nearest: str) -> bytes:
    sizes = numpy_helper.from_array(np.array([1, 3, *target], np.int64), "sizes")
    node = helper.make_node("Resize", ["x", "", "", "sizes"], ["y"], mode=mode,
                            coordinate_transformation_mode=place, nearest_mode=nearest)
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 3, *target))], [sizes])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())


@pytest.mark.parametrize("target", [(10, 12), (7, 9), (3, 3)], ids=str)
@pytest.mark.parametrize(("mode", "place", "nearest", "ours"), [
    ("nearest", "asymmetric", "floor", True),
    ("nearest", "half_pixel", "floor", False),
    ("linear", "half_pixel", "floor", True),
    ("linear", "pytorch_half_pixel", "floor", True),
    ("linear", "align_corners", "floor", True),
    ("linear", "asymmetric", "floor", True),
    ("cubic", "half_pixel", "floor", False),
])
def test_resize(target: tuple[int, int], mode: str, place: str, nearest: str, ours: bool) -> None:
    blob = model(target, mode, place, nearest)
    x = np.random.default_rng(1).normal(0, 1, SHAPE).astype(np.float32)
    (want,) = onnxruntime.InferenceSession(blob).run(None, {"x": x})
    graph = simplify(read_onnx_bytes(blob, "g"))
    if ours:
        assert [type(op) for op in graph.ops if isinstance(op, Resize)], graph.ops
    moved = graph.moved.get(graph.ins[0])
    (got,) = run_float(graph, {graph.ins[0]: x if moved is None else
                               x.transpose(np.argsort(moved))}).values()
    axes = graph.moved.get(graph.outs[0])
    got = got if axes is None else got.transpose(axes)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
