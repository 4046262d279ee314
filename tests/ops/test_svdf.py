"""SVDF of quantized files, step by step: run_int, TensorFlow Lite Micro and portable C agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from micro import Micro
from native import Native
from tflite_writer import Value, single_op

from edgeq.errors import UnsupportedError
from edgeq.execute import run_steps
from edgeq.ir import Graph
from edgeq.passes import simplify
from edgeq.readers import read

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


def test_float_layers_are_refused(tmp_path: Path) -> None:
    options = schema.SVDFOptionsT()
    options.rank = 1
    model = single_op("SVDF", [
        Value("x", (1, 3)), Value("f", (2, 3), data=np.ones((2, 3), np.float32)),
        Value("t", (2, 4), data=np.ones((2, 4), np.float32)),
        Value("b", (2,), data=np.ones(2, np.float32)), Value("s", (1, 8), variable=True)],
        [Value("y", (1, 2))], options)
    with pytest.raises(UnsupportedError, match="quantized file"):
        graph_of(model, tmp_path)
