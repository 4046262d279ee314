"""LSTM, GRU and RNN: floats and integers against other runtimes, C against integers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from against import graph_of, random_int8
from ai_edge_litert import schema_py_generated as schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from native import Native
from tflite_writer import Reference, Value, single_op

from edgeq.errors import UnsupportedError
from edgeq.execute import run_float, run_int
from edgeq.ir import Graph, QuantParams, Tensor
from edgeq.ops.gates import sigmoid, tanh
from edgeq.ops.gru import Gru
from edgeq.ops.lstm import Lstm
from edgeq.ops.recurrent import Recurrent
from edgeq.ops.rnn import Rnn
from edgeq.passes import simplify
from edgeq.quant import quantize
from edgeq.recipe import Recipe

CODES = np.arange(-(1 << 15), 1 << 15)
OPTIONS = schema.UnidirectionalSequenceLSTMOptionsT
TANH = schema.ActivationFunctionType.TANH


def int16(name: str, scale: float) -> Value:
    return Value(name, (1, CODES.size), scale, kind="int16")


def test_sigmoid_is_the_one_of_litert() -> None:
    model = single_op("LOGISTIC", (int16("x", 2**-12),), (int16("y", 2**-15),))
    (want,) = Reference(model).run(CODES.astype(np.int16)[None])
    np.testing.assert_array_equal(sigmoid(CODES), want[0])


@pytest.mark.parametrize("bits", range(3, 9))
def test_tanh_is_the_one_of_litert(bits: int) -> None:
    model = single_op("TANH", (int16("x", 2.0 ** (bits - 15)),), (int16("y", 2**-15),))
    (want,) = Reference(model).run(CODES.astype(np.int16)[None])
    np.testing.assert_array_equal(tanh(CODES, bits), want[0])


@pytest.mark.parametrize("bits", range(9))
def test_tanh_is_near_the_real_one(bits: int) -> None:
    real = np.tanh(CODES * 2.0 ** (bits - 15))
    assert np.abs(tanh(CODES, bits) / 32768 - real).max() < 3e-4


# float layers in a graph: weights scaled so that gates neither saturate nor stay linear

def float_graph(op: Recurrent, steps: int, in_c: int, units: int, seed: int) -> Graph:
    """x -> op -> y with random constants for every further input of `op`."""
    rng = np.random.default_rng(seed)
    rows = op.gates * units
    shapes = {"w": (rows, in_c), "r": (rows, units), "b": (rows,), "c": (rows,)}
    tensors = {"x": Tensor("x", (1, steps, in_c))}
    for name in op.ins[1:]:
        data = rng.normal(0, 1 / np.sqrt(shapes[name][-1] if name in "wr" else 2), shapes[name])
        tensors[name] = Tensor(name, shapes[name], data.astype(np.float32))
    (shape,) = op.shape(*(tensors[n].shape for n in op.ins))
    tensors["y"] = Tensor("y", shape)
    return Graph(tensors, (op,), ("x",), ("y",))


def layer(kind: type[Recurrent], last_only: bool = False) -> Recurrent:
    ins = ("x", "w", "r", "b", "c") if kind is Gru else ("x", "w", "r", "b")
    return kind(name="layer", ins=ins, outs=("y",), last_only=last_only)


X_TO_B = ("x", "w", "r", "b")
LAYERS = [layer(Lstm), Lstm(name="clipped", ins=X_TO_B, outs=("y",), cell_clip=0.8), layer(Gru),
          Gru(name="reset_first", ins=(*X_TO_B, "c"), outs=("y",), reset_first=True), layer(Rnn)]
some = settings(max_examples=40, deadline=None, derandomize=True,
                suppress_health_check=[HealthCheck.function_scoped_fixture])


def integer_graph(op: Recurrent, steps: int, in_c: int, units: int, seed: int) -> Graph:
    graph = float_graph(op, steps, in_c, units, seed)
    x = np.random.default_rng(seed).normal(0.3, 1.5, (8, steps, in_c)).astype(np.float32)
    return quantize(graph, x, Recipe(rollback=False)).graph


def check_c(native: Native, op: Recurrent, steps: int, in_c: int, units: int, seed: int) -> None:
    graph = integer_graph(op, steps, in_c, units, seed)
    rng = np.random.default_rng(seed)
    for last_only in (False, True):
        x = random_int8(rng, (1, steps, in_c))
        (made,) = graph.ops
        assert isinstance(made, Recurrent)
        short = replace(made, last_only=last_only)
        (shape,) = short.shape(*(graph.tensor(n).shape for n in short.ins))
        tensors = {**graph.tensors, "y": replace(graph.tensor("y"), shape=shape)}
        one = Graph(tensors, (short,), ("x",), ("y",))
        (want,) = run_int(one, {"x": x}).values()
        np.testing.assert_array_equal(native.run(short, one, x)[0], want)


@some
@given(st.sampled_from(LAYERS), st.integers(1, 6), st.integers(1, 20), st.integers(1, 13),
       st.integers(0, 1 << 30))
def test_c(native: Native, op: Recurrent, steps: int, in_c: int, units: int, seed: int) -> None:
    check_c(native, op, steps, in_c, units, seed)


@settings(some, max_examples=10)
@given(st.sampled_from(LAYERS), st.integers(0, 1 << 30))
def test_no_undefined_behaviour(native_ubsan: Native, op: Recurrent, seed: int) -> None:
    check_c(native_ubsan, op, 5, 7, 6, seed)


@pytest.mark.parametrize("op", LAYERS, ids=str)
def test_integers_are_near_floats(op: Recurrent) -> None:
    graph = float_graph(op, 30, 12, 24, 5)
    x = np.random.default_rng(6).normal(0, 1, (50, 30, 12)).astype(np.float32)
    ints = quantize(graph, x, Recipe(rollback=False)).graph
    (want,) = run_float(graph, {"x": x}).values()
    (got,) = run_int(ints, {"x": ints.tensor("x").params.quantize(x)}).values()
    noise = ints.tensor("y").params.dequantize(got) - want
    assert 10 * np.log10((want**2).sum() / (noise**2).sum()) > 24


def test_batch_equals_samples_one_by_one() -> None:
    for op in LAYERS:
        graph = float_graph(op, 4, 3, 5, 1)
        x = np.random.default_rng(2).normal(0, 1, (3, 4, 3)).astype(np.float32)
        (all_of,) = run_float(graph, {"x": x}).values()
        for i in range(3):
            (one,) = run_float(graph, {"x": x[i:i + 1]}).values()
            np.testing.assert_allclose(all_of[i:i + 1], one, rtol=1e-5, atol=1e-6)


# the layers of TensorFlow Lite

def lstm_model(steps: int, in_c: int, units: int, seed: int, clip: float = 0.0,
               quantized: bool = False, time_major: bool = False,
               omit: int | None = None) -> bytes:
    """A .tflite file with one LSTM; `omit`: an input that is left out."""
    rng = np.random.default_rng(seed)
    x_q, h_q, c_scale = (0.04, -3), (float(np.float32(0.9 / 128)), 5), 2.0**-11

    def constant(name: str, *shape: int) -> Value:
        if not quantized:
            return Value(name, shape, data=rng.normal(0, 0.4, shape).astype(np.float32))
        if len(shape) == 1:
            return Value(name, shape, 1e-4, data=rng.integers(-9000, 9000, shape, np.int32))
        data = np.clip(rng.normal(0, 50, shape), -127, 127).astype(np.int8)
        return Value(name, shape, float(np.float32(rng.uniform(0.004, 0.02))), data=data)

    x = Value("x", (1, steps, in_c), *(x_q if quantized else ()))
    y = Value("y", (1, steps, units), *(h_q if quantized else ()))
    h = Value("h", (1, units), *(h_q if quantized else ()), variable=True)
    c = Value("c", (1, units), c_scale, kind="int16", variable=True) if quantized else Value(
        "c", (1, units), variable=True)
    ins: list[Value | None] = [None] * 24
    ins[0], ins[18], ins[19] = x, h, c
    for i in range(4):
        ins[1 + i] = constant(f"w{i}", units, in_c)
        ins[5 + i] = constant(f"r{i}", units, units)
        b = constant(f"b{i}", units)
        w = ins[1 + i]
        assert w is not None
        ins[12 + i] = replace(b, scale=float(np.float32(w.scale * x_q[0]))) if quantized else b
    if omit is not None:
        ins[omit] = None
    options = OPTIONS()
    options.fusedActivationFunction, options.cellClip = TANH, clip
    options.timeMajor = time_major
    inner = [Value(f"inner{i}", (0,), 2**-12, kind="int16") for i in range(4)]
    inner.append(Value("hidden", (0,), *h_q))
    return single_op("UNIDIRECTIONAL_SEQUENCE_LSTM", ins, (y,), options,
                     inner if quantized else ())


@pytest.mark.parametrize("clip", [0.0, 0.3])
def test_float_lstm_against_litert(tmp_path: Path, clip: float) -> None:
    model = lstm_model(7, 5, 6, 3, clip)
    graph = graph_of(model, tmp_path)
    x = np.random.default_rng(4).normal(0, 2, (1, 7, 5)).astype(np.float32)
    (want,) = Reference(model).run(x)
    (got,) = run_float(graph, {"x": x}).values()
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("clip", [0.0, 0.3, 10.0])
def test_integer_lstm_is_the_one_of_tflite_micro(native: Native, tmp_path: Path,
                                                 clip: float) -> None:
    micro = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    for seed in range(5):
        model = lstm_model(9, 11, 7, seed, clip, quantized=True)
        graph = graph_of(model, tmp_path)
        x = random_int8(np.random.default_rng(seed), (1, 9, 11))
        (got,) = run_int(graph, {"x": x}).values()
        interpreter = micro.Interpreter.from_bytes(model)
        interpreter.set_input(x, 0)
        interpreter.invoke()
        np.testing.assert_array_equal(got, interpreter.get_output(0))
        np.testing.assert_array_equal(native.run(graph.ops[0], graph, x)[0], got)


def test_integer_lstm_is_near_the_one_of_litert(tmp_path: Path) -> None:
    model = lstm_model(9, 11, 7, 1, quantized=True)
    graph = graph_of(model, tmp_path)
    x = random_int8(np.random.default_rng(2), (1, 9, 11))
    (got,) = run_int(graph, {"x": x}).values()
    (want,) = Reference(model).run(x)
    assert np.abs(got.astype(int) - want).max() <= 1


@pytest.mark.parametrize(("model", "message"), [
    (lstm_model(3, 2, 2, 0, time_major=True), "batch first"),
    (lstm_model(3, 2, 2, 0, omit=1), "coupled"),
])
def test_other_lstms_are_refused(tmp_path: Path, model: bytes, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        graph_of(model, tmp_path)


def test_only_the_last_step_is_kept(shared, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    from edgeq.readers import read

    graph = read(shared("models/arm_kws_lstm_s_float32.tflite"))
    small = simplify(graph)
    assert [type(op).__name__ for op in small.ops] == ["Lstm", "Dense", "Softmax"]
    assert small.tensor(small.ops[0].outs[0]).shape == (1, 118)
    x = np.random.default_rng(1).normal(0, 10, (2, 49, 10)).astype(np.float32)
    for a, b in zip(run_float(graph, {graph.ins[0]: x}).values(),
                    run_float(small, {small.ins[0]: x}).values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_quantized_params_of_the_bias_follow_the_weights() -> None:
    graph = integer_graph(layer(Lstm), 4, 3, 5, 1)
    w, b, x = (graph.tensor(n).params for n in ("w", "b", "x"))
    assert isinstance(w, QuantParams)
    np.testing.assert_allclose(b.scale, w.scale * float(x.scale))
    assert len(set(w.scale.tolist())) == 4
