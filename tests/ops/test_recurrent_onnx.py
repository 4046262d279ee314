"""ONNX LSTM, GRU and RNN against onnxruntime: directions, layouts, outputs, and what is refused."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeq.errors import UnsupportedError
from edgeq.execute import run_float
from edgeq.ops.recurrent import Recurrent
from edgeq.passes import simplify
from edgeq.readers.onnx import read_onnx_bytes

STEPS, IN_C, UNITS = 6, 5, 7
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


class Variant(NamedTuple):
    kind: str
    direction: str = "forward"
    outputs: tuple[str, ...] = ("y", "h")
    bias: bool = True
    attrs: tuple[tuple[str, object], ...] = ()
    zero_state: bool = False


def model(v: Variant) -> bytes:
    """x (1, steps, in_c) -> transposed -> the node -> y and the like transposed to batch first."""
    rng = np.random.default_rng(1)
    dirs, rows = 1 + (v.direction == "bidirectional"), GATES[v.kind] * UNITS
    consts = {"w": (dirs, rows, IN_C), "r": (dirs, rows, UNITS), "b": (dirs, 2 * rows)}
    data = {n: rng.normal(0, 0.5, s).astype(np.float32) for n, s in consts.items()}
    ins = ["t", "w", "r", "b" if v.bias else ""]
    if v.zero_state:
        data["zero"] = np.zeros((dirs, 1, UNITS), np.float32)
        ins += ["", "zero"]
    node = helper.make_node(v.kind, ins, [n if n in v.outputs else "" for n in ("y", "h", "c")][
        :3 if v.kind == "LSTM" else 2], hidden_size=UNITS, direction=v.direction, **dict(v.attrs))
    nodes = [helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]), node]
    outs = []
    for name in v.outputs:
        perm = [2, 0, 1, 3] if name == "y" else [1, 0, 2]
        nodes.append(helper.make_node("Transpose", [name], [f"{name}_out"], perm=perm))
        shape = [1, STEPS, dirs, UNITS] if name == "y" else [1, dirs, UNITS]
        outs.append(helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, shape))
    used = {n for n in node.input if n}
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, STEPS, IN_C])], outs,
        [numpy_helper.from_array(a, n) for n, a in data.items() if n in used])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())


VARIANTS = [
    *(Variant(kind, direction) for kind in GATES
      for direction in ("forward", "reverse", "bidirectional")),
    *(Variant(kind, outputs=(out,), bias=False) for kind in GATES for out in "yh"),
    *(Variant("GRU", outputs=(out,), attrs=(("linear_before_reset", 1),)) for out in "yh"),
    Variant("GRU", "bidirectional", attrs=(("linear_before_reset", 1),)),
    Variant("LSTM", zero_state=True),
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_floats_are_those_of_onnxruntime(variant: Variant) -> None:
    blob = model(variant)
    x = np.random.default_rng(2).normal(0, 1, (1, STEPS, IN_C)).astype(np.float32)
    want = onnxruntime.InferenceSession(blob).run(None, {"x": x})
    graph = simplify(read_onnx_bytes(blob, "g"))
    got = run_float(graph, {"x": x})
    for name, y in zip(graph.outs, want, strict=True):
        np.testing.assert_allclose(got[name].reshape(y.shape), y, rtol=1e-4, atol=1e-6)
    if variant.outputs == ("h",):
        assert all(op.last_only for op in graph.ops if isinstance(op, Recurrent))


@pytest.mark.parametrize(("variant", "message"), [
    (Variant("GRU", attrs=(("activations", ["Sigmoid", "Relu"]),)), "activations"),
    (Variant("LSTM", attrs=(("clip", 1.0),)), "clip"),
    (Variant("LSTM", attrs=(("input_forget", 1),)), "input and forget"),
])
def test_refused(variant: Variant, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        read_onnx_bytes(model(variant), "g")
