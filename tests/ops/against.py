"""One int8 operator three ways: run_int, LiteRT's reference kernel, and the portable C."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from native import Native
from numpy.typing import NDArray
from tflite_writer import Reference, Value, single_op

from edgeq.execute import run_float, run_int
from edgeq.ir import Graph
from edgeq.readers import read

Bytes = NDArray[np.int8]


def params(rng: np.random.Generator, low: float = 1e-3, high: float = 0.2) -> tuple[float, int]:
    """A random scale, log-uniform, and zero point; often a border of int8 as after a ReLU."""
    scale = float(np.float32(np.exp(rng.uniform(np.log(low), np.log(high)))))
    zero = int(rng.choice([-128, 127, 0, int(rng.integers(-128, 128))]))
    return scale, zero


def random_int8(rng: np.random.Generator, shape: tuple[int, ...]) -> Bytes:
    """Any int8 values, the extremes more often than by chance."""
    x = rng.integers(-128, 128, shape).astype(np.int8)
    edge = rng.choice(np.array([-128, 127], np.int8), shape)
    return np.where(rng.random(shape) < 0.05, edge, x)


def graph_of(model: bytes, folder: Path) -> Graph:
    """The model as edgeq reads it."""
    path = folder / "one.tflite"
    path.write_bytes(model)
    return read(path)


def check(native: Native, folder: Path, rng: np.random.Generator, kind: str,
          ins: Sequence[Value], outs: Sequence[Value], options: object | None = None,
          rounds: int = 3, oracle: bool = True) -> None:
    """Assert that run_int, the C code and (with `oracle`) LiteRT agree on random inputs."""
    model = single_op(kind, ins, outs, options)
    graph = graph_of(model, folder)
    reference = Reference(model, kind != "ELU") if oracle else None
    shapes = [graph.tensor(n).shape for n in graph.ins]
    for _ in range(rounds):
        xs = [random_int8(rng, s) for s in shapes]
        want = run_int(graph, dict(zip(graph.ins, xs, strict=True)))
        (op,) = graph.ops
        values = dict(zip(graph.ins, xs, strict=True))
        got = native.run(op, graph, *(values[n] for n in op.ins if n in values))
        for name, y in zip(op.outs, got, strict=True):
            np.testing.assert_array_equal(y, want[name], f"C against run_int, {kind}")
        if reference is not None:
            for name, y in zip(graph.outs, reference.run(*xs), strict=True):
                np.testing.assert_array_equal(want[name], y, f"run_int against LiteRT, {kind}")


def check_float(folder: Path, rng: np.random.Generator, kind: str, ins: Sequence[Value],
                outs: Sequence[Value], options: object | None = None) -> None:
    """Assert that the float reference agrees with LiteRT, and works on a batch of 3."""
    model = single_op(kind, ins, outs, options)
    graph = graph_of(model, folder)
    xs = [rng.normal(0, 3, graph.tensor(n).shape).astype(np.float32) for n in graph.ins]
    (want,) = Reference(model, kind != "ELU").run(*xs)
    (got,) = run_float(graph, dict(zip(graph.ins, xs, strict=True))).values()
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    tripled = {n: np.concatenate([x, -x, x]) for n, x in zip(graph.ins, xs, strict=True)}
    (batch,) = run_float(graph, tripled).values()
    assert batch.shape == (3, *want.shape[1:])
    assert batch.dtype == np.float32
    np.testing.assert_allclose(batch[2:], want, rtol=1e-5, atol=1e-6)


def with_act(options: object, act: int) -> object:
    """The options with a fused activation."""
    options.fusedActivationFunction = act  # type: ignore[attr-defined]
    return options


ACTS = (schema.ActivationFunctionType.NONE, schema.ActivationFunctionType.RELU,
        schema.ActivationFunctionType.RELU6, schema.ActivationFunctionType.RELU_N1_TO_1)
