"""Attention as exporters write it: read, run on a batch, quantized, equal in C."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")

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
from edgeq.ops.matmul import MatMul  # noqa: E402
from edgeq.passes import simplify  # noqa: E402
from edgeq.quant import quantize  # noqa: E402
from edgeq.quant.simulate import sqnr_db  # noqa: E402
from edgeq.readers import read  # noqa: E402
from edgeq.recipe import load_recipe  # noqa: E402

T, D, HEADS = 6, 8, 2  # tokens, width, heads


def one_layer(m: OnnxFile, x: str) -> str:
    """Query, key and value from one layer, cut apart, both scaled by the root of the factor."""
    qkv = m.op("MatMul", [x, m.random("w_qkv", D, 3 * D)], "qkv_product")
    qkv = m.op("Add", [qkv, m.random("b_qkv", 3 * D)], "qkv")
    shaped = m.op("Reshape", [qkv, m.integers("to_qkv", 1, T, 3, HEADS, D // HEADS)], "qkv_s")
    turned = m.op("Transpose", [shaped], "qkv_t", perm=[2, 0, 3, 1, 4])
    m.op("Split", [turned, m.integers("each", 1, 1, 1)], ["q_1", "k_1", "v_1"], axis=0)
    q, k, v = (m.op("Squeeze", [f"{n}_1", m.integers(f"axis_{n}", 0)], n) for n in "qkv")
    root = m.const("root", np.float32(0.7))
    q = m.op("Mul", [q, root], "q_scaled")
    k = m.op("Mul", [m.op("Transpose", [k], "k_t", perm=[0, 1, 3, 2]), root], "k_scaled")
    p = m.op("Softmax", [m.op("MatMul", [q, k], "qk")], "p", axis=-1)
    y = m.op("Transpose", [m.op("MatMul", [p, v], "pv")], "back", perm=[0, 2, 1, 3])
    return m.op("Reshape", [y, m.integers("to_y", 1, T, D)], "joined")


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


FORMS = {"four axes": four_axes, "three axes": three_axes, "one layer": one_layer}


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


@pytest.mark.parametrize("form", FORMS)
def test_attention_moves_no_values(tmp_path: Path, form: str) -> None:
    """Transposes are strides of the products, factors are in them, the cut layer is three."""
    graph = graph_of(tmp_path, form)
    count = Counter(type(op).__name__ for op in graph.ops)
    assert {k: n for k, n in count.items() if k != "Reshape"} == {
        "Concat": 1, "Add": 2, "Dense": 4, "MatMul": 2, "Softmax": 1, "Slice": 1}
    scores = next(op for op in graph.ops if isinstance(op, MatMul))
    assert scores.factor == pytest.approx(0.49 if form == "one layer" else 0.5)


@pytest.mark.parametrize("form", FORMS)
def test_integers_follow_the_reals_and_the_c_code_is_equal(tmp_path: Path, form: str) -> None:
    graph = graph_of(tmp_path, form)
    rng = np.random.default_rng(2)
    ints = quantize(graph, rng.normal(size=(400, T - 1, D)).astype(np.float32), load_recipe("fast")
                    ).graph
    x = rng.normal(size=(40, T - 1, D)).astype(np.float32)
    q = ints.tensor("x").params.quantize(x)
    want = run_int(ints, {"x": q})["y"]
    real = ints.tensor("y").params.dequantize(want)
    assert sqnr_db(run_float(graph, {"x": x})["y"], real) > 25
    folder = tmp_path / "out"
    write(emit(lower(ints, Target(HOST))), folder)
    np.testing.assert_array_equal(HostModel(folder).run(q)[0], want)


class Products:
    """Products between transposes, with an edge that the pass must keep."""

    def __init__(self) -> None:
        self.file = OnnxFile()
        self.file.input("a", (1, 2, 5, 3))
        self.file.input("b", (1, 5, 2, 4))

    def graph(self, folder: Path, *outs: str) -> Graph:
        return simplify(read(self.file.write(folder / "products.onnx", *outs)))


def check_float(folder: Path, graph: Graph) -> None:
    rng = np.random.default_rng(5)
    xs = {n: rng.normal(size=graph.tensor(n).shape).astype(np.float32) for n in graph.ins}
    given = {n: x.transpose(graph.moved[n]) if n in graph.moved else x for n, x in xs.items()}
    want = ReferenceEvaluator(str(folder / "products.onnx")).run(None, given)
    for (name, y), wanted in zip(run_float(graph, xs).items(), want, strict=True):
        y = y.transpose(graph.moved[name]) if name in graph.moved else y
        np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-5)


def test_a_transposed_operand_that_others_read_stays_for_them(tmp_path: Path) -> None:
    m = Products()
    a = m.file.op("Transpose", ["a"], "a_t", perm=[0, 1, 3, 2])
    b = m.file.op("Transpose", ["b"], "b_t", perm=[0, 2, 1, 3])
    m.file.op("MatMul", [a, b], "y")
    m.file.op("Softmax", [b], "z", axis=-1)
    graph = m.graph(tmp_path, "y", "z")
    check_float(tmp_path, graph)
    product = next(op for op in graph.ops if isinstance(op, MatMul))
    assert set(product.ins) <= set(graph.ins)


def test_a_result_that_is_read_before_its_transpose_stays(tmp_path: Path) -> None:
    m = Products()
    b = m.file.op("Transpose", ["b"], "b_t", perm=[0, 2, 1, 3])
    a = m.file.op("Transpose", ["a"], "a_t", perm=[0, 1, 3, 2])
    y = m.file.op("MatMul", [a, b], "product")
    m.file.op("Softmax", [y], "z", axis=-1)
    m.file.op("Mul", [m.file.op("Transpose", [y], "y_t", perm=[0, 2, 1, 3]),
                      m.file.const("two", np.float32(2))], "y")
    graph = m.graph(tmp_path, "z", "y")
    check_float(tmp_path, graph)
    assert next(op for op in graph.ops if isinstance(op, MatMul)).factor == 1.0


def test_a_reshape_that_mixes_axes_keeps_its_transpose(tmp_path: Path) -> None:
    m = Products()
    mixed = m.file.op("Reshape", ["a", m.file.integers("to", 1, 5, 2, 3)], "a_mixed")
    a = m.file.op("Transpose", [mixed], "a_t", perm=[0, 2, 3, 1])
    b = m.file.op("Transpose", ["b"], "b_t", perm=[0, 2, 1, 3])
    y = m.file.op("MatMul", [a, b], "product")
    shaped = m.file.op("Reshape", [m.file.op("Transpose", [y], "y_t", perm=[0, 3, 1, 2]),
                                   m.file.integers("to_y", 1, 3, 8)], "y_mixed")
    m.file.op("Softmax", [m.file.op("Transpose", [shaped], "y_2", perm=[0, 2, 1])], "y", axis=-1)
    check_float(tmp_path, m.graph(tmp_path, "y"))


def test_the_attention_node_with_shared_keys(tmp_path: Path) -> None:
    """Opset 23: four heads of queries over two of keys and values, a factor, a mask, a cap."""
    m = OnnxFile(opset=23)
    for name, width in (("q", 16), ("k", 8), ("v", 12)):
        m.input(name, (1, 5, width))
    m.op("Attention", ["q", "k", "v", m.random("mask", 5, 5)], "y", q_num_heads=4,
         kv_num_heads=2, scale=0.6, softcap=3.0)
    graph = simplify(read(m.write(tmp_path / "products.onnx", "y")))
    check_float(tmp_path, graph)
    assert sum(isinstance(op, MatMul) for op in graph.ops) == 2
    assert not any(type(op).__name__ == "Transpose" for op in graph.ops)


def test_attention_that_is_not_read_says_why(tmp_path: Path) -> None:
    m = OnnxFile(opset=23)
    for name in "qkv":
        m.input(name, (1, 5, 8))
    m.input("mask", (5, 3))
    m.op("Attention", [*"qkv", "mask"], "y", q_num_heads=2, kv_num_heads=2)
    path = m.write(tmp_path / "m.onnx", "y")
    with pytest.raises(UnsupportedError, match=r"Attention.*a mask for 3 of 5.*what to do"):
        read(path)


@pytest.mark.parametrize("equation", ["bthd,bshd->bhts", "bhts,bshd->bthd", "bqi,bki->bkq"])
def test_einsum_is_a_product(tmp_path: Path, equation: str) -> None:
    m, sizes = OnnxFile(), dict(zip("bthdsqki", (1, 5, 2, 4, 3, 6, 7, 8), strict=True))
    for name, term in zip("ac", equation.split("->")[0].split(","), strict=True):
        m.input(name, tuple(sizes[i] for i in term))
    m.op("Einsum", ["a", "c"], "y", equation=equation)
    graph = simplify(read(m.write(tmp_path / "products.onnx", "y")))
    check_float(tmp_path, graph)
    assert {type(op).__name__ for op in graph.ops} <= {"MatMul", "Reshape"}
