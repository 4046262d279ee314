"""Dynamic quantization: run_int against its definition and floats, the C against run_int."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from native import Native

from edgeq.errors import UsageError
from edgeq.execute import run_float, run_int
from edgeq.ir import Graph, Tensor
from edgeq.ops.base import Act, Op
from edgeq.ops.dense import Dense
from edgeq.ops.dynamic_dense import DynamicDense
from edgeq.ops.dynamic_gru import DynamicGru
from edgeq.ops.dynamic_lstm import DynamicLstm
from edgeq.ops.dynamic_matmul import DynamicMatMul
from edgeq.ops.gru import Gru
from edgeq.ops.lstm import Lstm
from edgeq.ops.matmul import MatMul, plain_axes
from edgeq.ops.narrow import narrow, narrowed
from edgeq.quant import quantize
from edgeq.recipe import Layer, Recipe

check = settings(max_examples=40, deadline=None, derandomize=True,
                 suppress_health_check=[HealthCheck.function_scoped_fixture])
seeds = st.integers(0, 1 << 30)
DYNAMIC = Recipe(act_bits=16, dynamic=True, rollback=False)


@pytest.mark.parametrize("top", [0, 1, 2, 3, 126, 127, 128, 1000, 32767, 32768])
def test_narrow_is_the_nearest_of_255_steps(top: int) -> None:
    x = np.arange(-top, min(top, 32767) + 1, max(1, top // 3000), dtype=np.int64)
    x = np.unique([*x, -top, min(top, 32767)]).astype(np.int16)
    y, m = narrow(x[None])
    assert int(m[0, 0]) == max(top, 1)
    assert y.min() >= -127
    exact = x.astype(np.float64) * 127 / max(top, 1)
    assert np.abs(y[0] - exact).max() <= 0.5 + 127 * 2.0**-15
    np.testing.assert_allclose(narrowed(x[None].astype(np.float32))[0], y[0] * m[0] / 127,
                               atol=1.01 * max(top, 1) / 127)


def float_graph(op: Op, shapes: dict[str, tuple[int, ...]], seed: int) -> Graph:
    """op over the activations in `shapes` that begin with x, and random constants for the rest."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in shapes.items():
        data = None if name[0] == "x" else rng.normal(0, 1 / np.sqrt(shape[-1]), shape)
        tensors[name] = Tensor(name, shape, None if data is None else data.astype(np.float32))
    (out,) = op.shape(*(shapes[n] for n in op.ins))
    tensors["y"] = Tensor("y", out)
    return Graph(tensors, (op,), tuple(n for n in shapes if n[0] == "x"), ("y",))


def samples(graph: Graph, n: int, seed: int) -> tuple[np.ndarray, ...]:
    """Inputs whose vectors have very different sizes, which is what dynamic ranges are for."""
    rng = np.random.default_rng(seed)
    made = []
    for name in graph.ins:
        shape = (n, *graph.tensor(name).shape[1:])
        sizes = 10.0 ** rng.uniform(-2, 0.3, (*shape[:-1], 1))
        made.append((rng.normal(0, 1, shape) * sizes).astype(np.float32))
    return tuple(made)


IO = {"name": "layer", "outs": ("y",)}


def dense(rows: int, k: int, units: int, seed: int) -> Graph:
    op = Dense(ins=("x", "w", "b"), act=Act.RELU if seed % 2 else Act.NONE, keep_dims=True, **IO)
    return float_graph(op, {"x": (1, rows, k), "w": (units, k), "b": (units,)}, seed)


def matmul(rows: int, k: int, units: int, seed: int) -> Graph:
    adjoint, heads = seed % 4, 1 + seed % 3
    a, b = plain_axes(4, bool(adjoint & 1)), plain_axes(4, bool(adjoint & 2))
    op = MatMul(ins=("xa", "xb"), a_axes=a, b_axes=b, y_axes=plain_axes(4), factor=0.3, **IO)
    shapes = {"xa": (k, rows) if adjoint & 1 else (rows, k),
              "xb": (units, k) if adjoint & 2 else (k, units)}
    return float_graph(op, {n: (1, heads, *s) for n, s in shapes.items()}, seed)


def recurrent(kind: type[Lstm] | type[Gru], rows: int, k: int, units: int, seed: int) -> Graph:
    ins = ("x", "w", "r", "b", *(("c",) if kind is Gru else ()))
    op = kind(ins=ins, last_only=bool(seed % 2), **IO)
    if isinstance(op, Gru):
        op = replace(op, reset_first=bool(seed & 2))
    n = op.gates * units
    shapes = {"x": (1, rows, k), "w": (n, k), "r": (n, units), "b": (n,), "c": (n,)}
    return float_graph(op, {name: shapes[name] for name in ins}, seed)


KINDS = {"dense": dense, "matmul": matmul, "lstm": lambda *a: recurrent(Lstm, *a),
         "gru": lambda *a: recurrent(Gru, *a)}
TWINS = {"dense": DynamicDense, "matmul": DynamicMatMul, "lstm": DynamicLstm, "gru": DynamicGru}


def integers(kind: str, rows: int, k: int, units: int, seed: int) -> Graph:
    graph = KINDS[kind](rows, k, units, seed)
    made = quantize(graph, samples(graph, 8, seed), DYNAMIC).graph
    assert isinstance(made.ops[0], TWINS[kind])
    assert made.tensor("y").params.bits == 16
    return made


def words(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Any int16 values in vectors of any size, the extremes more often than by chance."""
    x = rng.integers(-32768, 32768, shape) >> rng.integers(0, 17, (*shape[:-1], 1))
    return np.where(rng.random(shape) < 0.02, -32768, x).astype(np.int16)


def equal_to_c(native: Native, graph: Graph, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = {n: words(rng, graph.tensor(n).shape) for n in graph.ins}
    (want,) = run_int(graph, x).values()
    (got,) = native.run(graph.ops[0], graph, *x.values())
    np.testing.assert_array_equal(got, want)


@check
@given(st.sampled_from(list(KINDS)), st.integers(1, 6), st.integers(1, 40), st.integers(1, 11),
       seeds)
def test_c(native: Native, kind: str, rows: int, k: int, units: int, seed: int) -> None:
    equal_to_c(native, integers(kind, rows, k, units, seed), seed)


@settings(check, max_examples=15)
@given(st.sampled_from(list(KINDS)), seeds)
def test_no_undefined_behaviour(native_ubsan: Native, kind: str, seed: int) -> None:
    equal_to_c(native_ubsan, integers(kind, 5, 37, 6, seed), seed)


def noise(graph: Graph, ints: Graph, xs: tuple[np.ndarray, ...]) -> float:
    """Signal to noise in dB of each vector of the output, in the mean."""
    inputs = dict(zip(graph.ins, xs, strict=True))
    (want,) = run_float(graph, inputs).values()
    (got,) = run_int(ints, {n: ints.tensor(n).params.quantize(x) for n, x in inputs.items()}
                     ).values()
    error = ints.tensor("y").params.dequantize(got) - want
    signal = (want.astype(np.float64)**2).sum(-1) + 1e-12
    return float(np.mean(10 * np.log10(signal / ((error.astype(np.float64)**2).sum(-1) + 1e-12))))


@pytest.mark.parametrize("kind", ["dense", "matmul"])
def test_small_vectors_keep_their_accuracy(kind: str) -> None:
    graph = KINDS[kind](6, 32, 8, 0)
    xs = samples(graph, 40, 5)
    dynamic, static = (noise(graph, quantize(graph, xs, r).graph, xs)
                       for r in (DYNAMIC, Recipe(rollback=False)))
    assert dynamic > 33
    assert dynamic > static + 8


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_recurrent_layers_are_nearer_to_floats(kind: str) -> None:
    graph = KINDS[kind](12, 16, 24, 0)
    xs = samples(graph, 40, 5)
    dynamic, static = (noise(graph, quantize(graph, xs, r).graph, xs)
                       for r in (DYNAMIC, Recipe(rollback=False)))
    assert dynamic > static + 3


def test_one_layer_can_be_dynamic() -> None:
    graph = dense(3, 8, 4, 0)
    layers = (Layer("layer", act_bits=16, dynamic=True),)
    made = quantize(graph, samples(graph, 8, 0), Recipe(layers=layers, rollback=False)).graph
    assert [type(op).__name__ for op in made.ops] == ["Requantize", "DynamicDense"]


def test_a_layer_that_cannot_be_dynamic_is_named() -> None:
    graph = dense(3, 8, 4, 0)
    with pytest.raises(UsageError, match="no matrix that it multiplies"):
        quantize(graph, samples(graph, 8, 0),
                 Recipe(layers=(Layer("x", act_bits=16, dynamic=True),)))
