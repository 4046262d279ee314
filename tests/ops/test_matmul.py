"""Products of two activations: layouts, transposes, batches, tails, zero points, LiteRT's bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from against import check, check_float, graph_of, params, random_int8
from ai_edge_litert import schema_py_generated as schema
from native import Native
from tflite_writer import Value, single_op

from edgeq.errors import ModelError, UnsupportedError
from edgeq.execute import run_float, run_int
from edgeq.ir import Graph, QuantParams, Tensor
from edgeq.ops.base import check_limits
from edgeq.ops.gather import Transpose
from edgeq.ops.matmul import MatMul, plain_axes
from edgeq.passes.fuse_matmul import fuse_matmul

SHAPES = [((1, 4, 8), (1, 8, 5)), ((1, 1, 1), (1, 1, 1)), ((1, 3, 7, 16), (1, 3, 16, 9)),
          ((1, 2, 5, 33), (1, 2, 33, 4)), ((1, 2, 1, 6), (1, 1, 6, 10)), ((1, 6, 3), (1, 3, 2)),
          ((1, 1, 4, 2, 3), (1, 5, 4, 3, 6))]


def options(adj_x: bool, adj_y: bool) -> schema.BatchMatMulOptionsT:
    made = schema.BatchMatMulOptionsT()
    made.adjX, made.adjY = adj_x, adj_y
    return made


def operands(a: tuple[int, ...], b: tuple[int, ...], adj_x: bool,
             adj_y: bool) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Shapes of both operands as stored, and of the product."""
    batch = np.broadcast_shapes(a[:-2], b[:-2])
    a = (*a[:-2], a[-1], a[-2]) if adj_x else a
    b = (*b[:-2], b[-1], b[-2]) if adj_y else b
    return a, b, (*batch, a[-1] if adj_x else a[-2], b[-2] if adj_y else b[-1])


@pytest.mark.parametrize("adj_x", [False, True])
@pytest.mark.parametrize("adj_y", [False, True])
@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_bytes(native: Native, tmp_path: Path, a: tuple[int, ...], b: tuple[int, ...],
               adj_x: bool, adj_y: bool) -> None:
    rng = np.random.default_rng([*a, *b])
    a_shape, b_shape, y = operands(a, b, adj_x, adj_y)
    for _ in range(4):
        left, right = Value("a", a_shape, *params(rng)), Value("b", b_shape, *params(rng))
        finest = left.scale * right.scale * a[-1]
        for spread in (0.1, 3.0, 100.0):
            check(native, tmp_path, rng, "BATCH_MATMUL", (left, right),
                  (Value("y", y, finest * spread, int(rng.integers(-128, 128))),),
                  options(adj_x, adj_y))


@pytest.mark.parametrize("adj_x", [False, True])
@pytest.mark.parametrize("adj_y", [False, True])
def test_float(tmp_path: Path, adj_x: bool, adj_y: bool) -> None:
    a, b, y = operands((1, 2, 4, 6), (1, 2, 6, 3), adj_x, adj_y)
    check_float(tmp_path, np.random.default_rng(1), "BATCH_MATMUL",
                (Value("a", a), Value("b", b)), (Value("y", y),), options(adj_x, adj_y))


def attention_graph(rng: np.random.Generator, heads: int, rows: int, cols: int, k: int,
                    factor: float) -> Graph:
    """(1, rows, heads, k) by (1, cols, heads, k), the result as (1, rows, heads, cols)."""
    def q(scale: float) -> QuantParams:
        return QuantParams(np.array(scale), np.array(int(rng.integers(-128, 128))))

    op = MatMul(name="scores", ins=("a", "b"), outs=("y",), a_axes=(0, 2, 1, 3),
                b_axes=(0, 2, 3, 1), y_axes=(0, 2, 1, 3), factor=factor)
    tensors = {"a": Tensor("a", (1, rows, heads, k), q=q(0.02)),
               "b": Tensor("b", (1, cols, heads, k), q=q(0.03)),
               "y": Tensor("y", (1, rows, heads, cols), q=q(0.02 * factor))}
    return Graph(tensors, (op,), ("a", "b"), ("y",))


@pytest.mark.parametrize("sizes", [(1, 3, 5, 4), (3, 5, 4, 16), (2, 4, 9, 7)])
@pytest.mark.parametrize("turned", [False, True])
def test_transposed_in_place(native: Native, sizes: tuple[int, int, int, int],
                             turned: bool) -> None:
    """Heads between rows and values, as attention has them, against a plain numpy product."""
    rng = np.random.default_rng(sizes)
    graph = attention_graph(rng, *sizes, factor=0.25)
    heads, rows, cols, k = sizes
    if turned:  # values by columns: neither operand has its terms side by side
        (op,) = graph.ops
        tensors = dict(graph.tensors)
        tensors["a"] = Tensor("a", (1, k, heads, rows), q=tensors["a"].q)
        tensors["b"] = Tensor("b", (1, k, heads, cols), q=tensors["b"].q)
        op = MatMul(name=op.name, ins=op.ins, outs=op.outs, a_axes=(0, 2, 3, 1),
                    b_axes=(0, 2, 1, 3), y_axes=(0, 2, 1, 3), factor=0.25)
        graph = Graph(tensors, (op,), graph.ins, graph.outs)
    (op,) = graph.ops
    assert isinstance(op, MatMul)
    xs = [random_int8(rng, graph.tensor(n).shape) for n in graph.ins]
    (want,) = run_int(graph, dict(zip(graph.ins, xs, strict=True))).values()
    np.testing.assert_array_equal(native.run(op, graph, *xs)[0], want)
    q_a, q_b, q_y = (graph.tensor(n).params for n in ("a", "b", "y"))
    a, b = q_a.dequantize(xs[0]), q_b.dequantize(xs[1])
    formula = "nkhr,nkhc->nrhc" if turned else "nrhk,nchk->nrhc"
    real = 0.25 * np.einsum(formula, a.astype(np.float64), b.astype(np.float64))
    assert np.abs(q_y.quantize(real).astype(int) - want).max() <= 1
    (got,) = run_float(graph, {"a": a, "b": b}).values()
    np.testing.assert_allclose(got, real, rtol=1e-4, atol=1e-5)


def test_operands_may_be_constants(native: Native) -> None:
    """A stack of constant matrices is read from the flash."""
    rng = np.random.default_rng(0)
    graph = attention_graph(rng, 2, 3, 5, 8, 1.0)
    b = graph.tensor("b")
    graph = Graph({**graph.tensors, "b": Tensor("b", b.shape, random_int8(rng, b.shape), b.q)},
                  graph.ops, ("a",), ("y",))
    x = random_int8(rng, (1, 3, 2, 8))
    np.testing.assert_array_equal(native.run(graph.ops[0], graph, x)[0],
                                  run_int(graph, {"a": x})["y"])


def test_extreme_sums_stay_in_int32(native: Native) -> None:
    """The longest sum of the largest products, with an output so fine that it saturates."""
    k = 1 << 14
    axes = plain_axes(3)
    op = MatMul(name="long", ins=("a", "b"), outs=("y",), a_axes=axes, b_axes=axes, y_axes=axes)
    for value, zero in ((-128, 127), (127, -128)):
        q = QuantParams(np.array(1.0), np.array(zero))
        for scale in (1e-6, 1e9):
            graph = Graph({"a": Tensor("a", (1, 1, k), q=q), "b": Tensor("b", (1, k, 1), q=q),
                           "y": Tensor("y", (1, 1, 1), q=QuantParams(np.array(scale),
                                                                    np.array(0)))},
                          (op,), ("a", "b"), ("y",))
            a, b = np.full((1, 1, k), value, np.int8), np.full((1, k, 1), value, np.int8)
            want = run_int(graph, {"a": a, "b": b})["y"]
            np.testing.assert_array_equal(native.run(op, graph, a, b)[0], want)
            assert want.item() == (127 if scale < 1 else 1)


def test_wrong_shapes_are_refused(tmp_path: Path) -> None:
    model = single_op("BATCH_MATMUL", (Value("a", (1, 3, 4), 0.1), Value("b", (1, 5, 6), 0.1)),
                      (Value("y", (1, 3, 6), 0.1),), options(False, False))
    with pytest.raises(ModelError, match="columns of the one"):
        graph_of(model, tmp_path)


def test_limits() -> None:
    axes = plain_axes(3)
    op = MatMul(name="m", ins=("a", "b"), outs=("y",), a_axes=axes, b_axes=axes, y_axes=axes)
    long = Graph({"a": Tensor("a", (1, 1, 20000)), "b": Tensor("b", (1, 20000, 1)),
                  "y": Tensor("y", (1, 1, 1))}, (op,), ("a", "b"), ("y",))
    with pytest.raises(UnsupportedError, match="20000 terms"):
        check_limits(op, long)
    moved = MatMul(name="m", ins=("a", "b"), outs=("y",), a_axes=(1, 0, 2), b_axes=axes,
                   y_axes=axes)
    swapped = Graph({"a": Tensor("a", (2, 1, 3)), "b": Tensor("b", (1, 3, 4)),
                     "y": Tensor("y", (1, 2, 4))}, (moved,), ("a", "b"), ("y",))
    with pytest.raises(UnsupportedError, match="batch axis"):
        check_limits(moved, swapped)


@pytest.mark.parametrize("act", [schema.ActivationFunctionType.NONE,
                                 schema.ActivationFunctionType.RELU6])
def test_fully_connected_by_weights_of_run_time(native: Native, tmp_path: Path, act: int) -> None:
    """A product of two activations as TensorFlow's converter writes some, float or int8."""
    made = schema.FullyConnectedOptionsT()
    made.fusedActivationFunction = act
    rng = np.random.default_rng(3)
    bias = Value("bias", (5,), data=rng.normal(size=5).astype(np.float32))
    check_float(tmp_path, rng, "FULLY_CONNECTED",
                (Value("x", (1, 8)), Value("w", (5, 8)), bias), (Value("y", (1, 5)),), made)
    model = single_op("FULLY_CONNECTED", (Value("x", (3, 8), 0.02, 3), Value("w", (5, 8), 0.01)),
                      (Value("y", (3, 5), 0.01, -4),), made)
    if act != schema.ActivationFunctionType.NONE:
        with pytest.raises(UnsupportedError, match="an activation behind a product"):
            graph_of(model, tmp_path)
        return
    graph = graph_of(model, tmp_path)
    xs = {n: random_int8(rng, graph.tensor(n).shape) for n in graph.ins}
    (got,) = run_int(graph, xs).values()
    x, w = (graph.tensor(n).params.dequantize(q).astype(np.float64) for n, q in xs.items())
    assert np.abs(graph.tensor("y").params.quantize(x @ w.T).astype(int) - got).max() <= 1


@pytest.mark.parametrize("differs", ["", "a", "y"])
def test_moved_values_may_get_other_parameters(differs: str) -> None:
    """A file may give what a transpose moves parameters of its own; the bytes stay."""
    rng, scales = np.random.default_rng(6), {"a": 0.02, "a_t": 0.02, "b": 0.03, "y_t": 0.05,
                                             "y": 0.05}
    if differs:
        scales[differs] *= 1.5
    shapes = {"a": (1, 4, 3), "a_t": (1, 3, 4), "b": (1, 4, 5), "y_t": (1, 3, 5), "y": (1, 5, 3)}
    tensors = {n: Tensor(n, s, None, QuantParams(np.array(scales[n]), np.array(2)))
               for n, s in shapes.items()}
    axes = plain_axes(3)
    graph = Graph(tensors, (
        Transpose(name="t", ins=("a",), outs=("a_t",), perm=(0, 2, 1)),
        MatMul(name="m", ins=("a_t", "b"), outs=("y_t",), a_axes=axes, b_axes=axes, y_axes=axes),
        Transpose(name="u", ins=("y_t",), outs=("y",), perm=(0, 2, 1))), ("a", "b"), ("y",))
    fused = fuse_matmul(graph)
    assert sum(isinstance(op, Transpose) for op in fused.ops) == (differs == "y")
    xs = {n: random_int8(rng, graph.tensor(n).shape) for n in graph.ins}
    np.testing.assert_array_equal(run_int(fused, xs)["y"], run_int(graph, xs)["y"])
