"""SVDF of quantized files, step by step: run_int, TensorFlow Lite Micro and portable C agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from micro import Micro
from native import Native
from tflite_models import ModelFile, dense_options
from tflite_writer import Reference, Value, single_op

from edgeq.board import HOST, Target
from edgeq.emit import emit
from edgeq.errors import UnsupportedError
from edgeq.execute import run_float_steps, run_steps
from edgeq.explicit_states import closed, with_state_values
from edgeq.folder import write
from edgeq.host import HostModel
from edgeq.ir import Graph
from edgeq.lower import lower
from edgeq.passes import simplify
from edgeq.quant import quantize
from edgeq.readers import read
from edgeq.recipe import load_recipe

STEPS, IN, UNITS, RANK, MEMORY = 12, 9, 5, 2, 6


def model_of(rng: np.random.Generator, narrow: bool, state_zero: int = 0,
             bias: bool = True) -> bytes:
    """A model of one layer; scales so that outputs use the range."""
    filters, kind = UNITS * RANK, "int8" if narrow else "int16"
    high = 127 if narrow else 32767
    state_scale = 0.5 if narrow else 0.02  # so that sums stay within 32 bits
    time_scale = 0.01 if narrow else 4e-5
    options = schema.SVDFOptionsT()
    options.rank, options.fusedActivationFunction = RANK, 0
    return single_op("SVDF", [
        Value("x", (1, IN), 0.05, 7),
        Value("f", (filters, IN), 0.05, data=rng.integers(
            -127, 128, (filters, IN)).astype(np.int8)),
        Value("t", (filters, MEMORY), time_scale, data=rng.integers(
            -high, high + 1, (filters, MEMORY)).astype(kind)),
        Value("b", (UNITS,), state_scale * time_scale, data=rng.integers(
            -500, 500, UNITS).astype(np.int32)) if bias else None,
        Value("s", (1, filters * MEMORY), state_scale, state_zero, kind=kind, variable=True)],
        [Value("y", (1, UNITS), 1.5, -3)], options)


def graph_of(model: bytes, folder: Path) -> Graph:
    (folder / "one.tflite").write_bytes(model)
    return simplify(read(folder / "one.tflite"))


@pytest.mark.parametrize("zero", [0, -50, 25])
@pytest.mark.parametrize("narrow", [False, True])
def test_steps(native: Native, tmp_path: Path, narrow: bool, zero: int) -> None:
    """The file's state of 8 bits wraps around behind its zero point, and so does ours."""
    rng = np.random.default_rng(abs(zero) + narrow)
    model = model_of(rng, narrow, zero if narrow else 0)
    graph, micro = graph_of(model, tmp_path), Micro(model)
    x = rng.integers(-128, 128, (2, STEPS, IN)).astype(np.int8)
    want = run_steps(graph, {"x": x})["y"]
    (op,) = graph.ops
    state = graph.initial(graph.states[0])
    for t in range(STEPS):
        y, state = native.run(op, graph, x[:1, t], state)
        np.testing.assert_array_equal(y, want[:1, t])
        np.testing.assert_array_equal(want[:1, t], micro.step(x[:1, t])[0], f"step {t}")
    assert len(np.unique(want)) > 20


def float_model(rng: np.random.Generator, act: int = 0, bias: bool = True) -> ModelFile:
    """Two layers on each other and a dense one behind them."""
    m, made = ModelFile(), []
    x, made_of = m.tensor("x", (1, IN)), IN
    y = x
    for i, units in enumerate((8, 6)):
        filters = units * RANK
        state = m.tensor(f"state{i}", (1, filters * MEMORY))
        m.tensors[state].isVariable = True
        options = schema.SVDFOptionsT()
        options.rank, options.fusedActivationFunction = RANK, act
        b = m.const(f"b{i}", rng.normal(0, 0.2, units).astype(np.float32)) if bias else -1
        made.append(m.tensor(f"y{i}", (1, units)))
        m.op("SVDF", [y, m.const(f"f{i}", rng.normal(
            0, made_of**-0.5, (filters, made_of)).astype(np.float32)), m.const(
                f"t{i}", rng.normal(0, 0.4, (filters, MEMORY)).astype(np.float32)), b, state],
            [made[-1]], options)
        y, made_of = made[-1], units
    out = m.tensor("out", (1, 4))
    m.op("FULLY_CONNECTED", [y, m.const("w", rng.normal(0, 0.4, (4, 6)).astype(np.float32)),
                             m.const("wb", np.zeros(4, np.float32))], [out], dense_options())
    return m


@pytest.mark.parametrize(("act", "bias"), [(0, True), (0, False), (1, True)])
def test_float_layers(tmp_path: Path, act: int, bias: bool) -> None:
    """Float steps as LiteRT takes them; integers near them, and the host's C equal to these."""
    rng = np.random.default_rng(act + 2 * bias)
    m = float_model(rng, act, bias)
    path = m.write(tmp_path / "m.tflite", [0], [len(m.tensors) - 3])
    graph = simplify(read(path))
    x = np.cumsum(rng.normal(0, 0.5, (300, IN)), 0)
    x = (x - np.linspace(x[0], x[-1], len(x))).astype(np.float32)
    lite = Reference(path.read_bytes(), reference=False)
    want = np.concatenate([lite.run(row[None])[0] for row in x])
    got = run_float_steps(closed(graph), {"x": x[None]})["out"][0]
    np.testing.assert_allclose(got, want, atol=1e-4 * np.abs(want).max())

    samples = with_state_values(graph, {"x": x})
    made = quantize(graph, tuple(samples[n] for n in graph.ins), load_recipe("default")).graph
    ints = closed(made)
    assert {ints.tensor(s.source).params.bits for s in ints.states} == {16}
    q = ints.tensor("x").params.quantize(x)[None]
    steps = run_steps(ints, {"x": q})["out"]
    error = want - ints.tensor("out").params.dequantize(steps)[0]
    assert 10 * np.log10(np.sum(want**2) / np.sum(error**2)) > 30
    write(emit(lower(ints, Target(HOST), "net")), tmp_path / "out")
    np.testing.assert_array_equal(HostModel(tmp_path / "out").run(q)[0], steps)


def test_other_activations_of_float_layers_are_refused(tmp_path: Path) -> None:
    m = float_model(np.random.default_rng(1), 3)
    with pytest.raises(UnsupportedError, match="behind the layer"):
        read(m.write(tmp_path / "m.tflite", [0], [len(m.tensors) - 3]))
