"""Float recurrent nodes of TFLite, one and two directions, against LiteRT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from tflite_writer import Reference, Value, single_op

from edgeq.errors import UnsupportedError
from edgeq.execute import run_float
from edgeq.passes import simplify
from edgeq.readers import read

STEPS, IN, UNITS = 7, 5, 6
RNG = np.random.default_rng(2)


def const(name: str, *shape: int) -> Value:
    return Value(name, shape, data=RNG.normal(0, 0.4, shape).astype(np.float32))


def state(name: str) -> Value:
    return Value(name, (1, UNITS), variable=True)


def rnn(tag: str) -> list[Value | None]:
    return [const(f"{tag}w", UNITS, IN), const(f"{tag}r", UNITS, UNITS), const(f"{tag}b", UNITS),
            state(f"{tag}h")]


def lstm(tag: str) -> list[Value | None]:
    weights = [const(f"{tag}w{i}", UNITS, IN) for i in range(4)]
    states = [const(f"{tag}r{i}", UNITS, UNITS) for i in range(4)]
    biases = [const(f"{tag}b{i}", UNITS) for i in range(4)]
    return [*weights, *states, None, None, None, *biases, None, None]


def model(kind: str, merge: bool = True) -> bytes:
    x, act = Value("x", (1, STEPS, IN)), schema.ActivationFunctionType.TANH
    wide = Value("y", (1, STEPS, 2 * UNITS))
    two = [wide] if merge else [Value("y", (1, STEPS, UNITS)), Value("z", (1, STEPS, UNITS))]
    if kind == "UNIDIRECTIONAL_SEQUENCE_RNN":
        options = schema.SequenceRNNOptionsT()
        options.fusedActivationFunction = act
        return single_op(kind, [x, *rnn("f")], [Value("y", (1, STEPS, UNITS))], options)
    if kind == "BIDIRECTIONAL_SEQUENCE_RNN":
        options = schema.BidirectionalSequenceRNNOptionsT()
        ins = [x, *rnn("f"), *rnn("b"), None, None, None]
    else:
        options = schema.BidirectionalSequenceLSTMOptionsT()
        states = [state(f"s{i}") for i in range(4)]
        ins = [x, *lstm("f"), *lstm("b"), *states, *[None] * 9]
        options.timeMajor = False  # which is not its default
    options.fusedActivationFunction, options.mergeOutputs = act, merge
    return single_op(kind, ins, two, options)


@pytest.mark.parametrize(("kind", "merge"), [
    ("UNIDIRECTIONAL_SEQUENCE_RNN", True), ("BIDIRECTIONAL_SEQUENCE_RNN", True),
    ("BIDIRECTIONAL_SEQUENCE_RNN", False), ("BIDIRECTIONAL_SEQUENCE_LSTM", True),
    ("BIDIRECTIONAL_SEQUENCE_LSTM", False)])
def test_as_litert(kind: str, merge: bool, tmp_path: Path) -> None:
    data = model(kind, merge)
    (tmp_path / "m.tflite").write_bytes(data)
    graph = simplify(read(tmp_path / "m.tflite"))
    x = RNG.normal(0, 1, (1, STEPS, IN)).astype(np.float32)
    got = run_float(graph, {"x": x})
    for name, want in zip(graph.outs, Reference(data, reference=False).run(x), strict=True):
        np.testing.assert_allclose(got[name].reshape(want.shape), want, atol=1e-6)


def test_peepholes_are_refused(tmp_path: Path) -> None:
    x = Value("x", (1, STEPS, IN))
    forward = lstm("f")
    forward[8:11] = [const(f"p{i}", UNITS) for i in range(3)]
    options = schema.BidirectionalSequenceLSTMOptionsT()
    options.fusedActivationFunction = schema.ActivationFunctionType.TANH
    options.mergeOutputs, options.timeMajor = True, False
    data = single_op("BIDIRECTIONAL_SEQUENCE_LSTM", [
        x, *forward, *lstm("b"), *[state(f"s{i}") for i in range(4)], *[None] * 9],
        [Value("y", (1, STEPS, 2 * UNITS))], options)
    (tmp_path / "m.tflite").write_bytes(data)
    with pytest.raises(UnsupportedError, match="peephole"):
        read(tmp_path / "m.tflite")
