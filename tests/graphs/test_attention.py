"""Attention as exporters write it: read, run on a batch, quantized, equal in C."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")

from onnx.reference import ReferenceEvaluator  # noqa: E402
from onnx_models import OnnxFile  # noqa: E402

from edgeq.execute import run_float  # noqa: E402
from edgeq.ir import Graph  # noqa: E402
from edgeq.passes import simplify  # noqa: E402
from edgeq.readers import read  # noqa: E402

T, D, HEADS = 6, 8, 2  # tokens, width, heads


def projected(m: OnnxFile, x: str, name: str) -> str:
    """A dense layer without bias."""
    return m.op("MatMul", [x, m.random(f"w_{name}", D, D)], name)


def with_batch_axis(m: OnnxFile, x: str, name: str, perm: list[int]) -> str:
    """(1, T, D) as (1, HEADS, T, D / HEADS) or another order: scaled_dot_product_attention."""
    shaped = m.op("Reshape", [x, m.integers(f"to_{name}", 1, T, HEADS, D // HEADS)], f"{name}_s")
    return m.op("Transpose", [shaped], f"{name}_t", perm=perm)


def four_axes(m: OnnxFile, x: str) -> str:
    q, k, v = (with_batch_axis(m, projected(m, x, n), n, p) for n, p in (
        ("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])))
    scores = m.op("Div", [m.op("MatMul", [q, k], "qk"), m.const("root", np.float32(2.0))], "scores")
    p = m.op("Softmax", [scores], "p", axis=-1)
    y = m.op("Transpose", [m.op("MatMul", [p, v], "pv")], "back", perm=[0, 2, 1, 3])
    return m.op("Reshape", [y, m.integers("to_y", 1, T, D)], "joined")


def three_axes(m: OnnxFile, x: str) -> str:
    """nn.MultiheadAttention: tokens in front, the batch times the heads as one axis."""
    turned = m.op("Transpose", [x], "turned", perm=[1, 0, 2])

    def heads(name: str) -> str:
        shaped = m.op("Reshape", [projected(m, turned, name),
                                  m.integers(f"to_{name}", T, HEADS, D // HEADS)], f"{name}_s")
        return m.op("Transpose", [shaped], f"{name}_t", perm=[1, 0, 2])

    q = m.op("Mul", [heads("q"), m.const("scale", np.float32(0.5))], "q_scaled")
    k = m.op("Transpose", [heads("k")], "k_turned", perm=[0, 2, 1])
    p = m.op("Softmax", [m.op("MatMul", [q, k], "qk")], "p", axis=-1)
    y = m.op("Transpose", [m.op("MatMul", [p, heads("v")], "pv")], "back", perm=[1, 0, 2])
    y = m.op("Reshape", [y, m.integers("to_y", T, 1, D)], "joined")
    return m.op("Transpose", [y], "batch_first", perm=[1, 0, 2])


FORMS = {"four axes": four_axes, "three axes": three_axes}


def model(folder: Path, form: str) -> Path:
    """A class token in front, attention, one dense layer on the class token."""
    m = OnnxFile()
    m.input("x", (1, T - 1, D))
    x = m.op("Concat", [m.random("token", 1, 1, D), "x"], "tokens", axis=1)
    x = m.op("Add", [x, m.random("position", 1, T, D)], "placed")
    y = FORMS[form](m, x)
    y = m.op("Add", [y, x], "residual")
    first = m.op("Gather", [y, m.const("zero", np.int64(0))], "first", axis=1)
    m.op("Gemm", [first, m.random("w_y", D, 3), m.random("b_y", 3)], "y")
    return m.write(folder / "attention.onnx", "y")


def graph_of(folder: Path, form: str) -> Graph:
    return simplify(read(model(folder, form)))


@pytest.mark.parametrize("form", FORMS)
def test_float_as_onnx_has_it_and_on_a_batch(tmp_path: Path, form: str) -> None:
    graph = graph_of(tmp_path, form)
    x = np.random.default_rng(1).normal(size=(3, T - 1, D)).astype(np.float32)
    reference = ReferenceEvaluator(str(tmp_path / "attention.onnx"))
    want = np.concatenate([reference.run(None, {"x": one[None]})[0] for one in x])
    (got,) = run_float(graph, {"x": x}).values()
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
