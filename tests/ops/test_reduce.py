"""Mean and Sum: global and partial, kept and dropped axes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from against import check, check_float, graph_of, params, random_int8
from ai_edge_litert import schema_py_generated as schema
from native import Native
from tflite_writer import Reference, Value, single_op

from edgeq.execute import run_int

CASES = [
    ((1, 5, 7, 6), (1, 2)), ((1, 5, 7, 6), (2, 1)), ((1, 8, 8, 3), (-2, -3)),
    ((1, 49, 1, 12), (1, 2)),
    ((1, 3, 4, 5), (3,)), ((1, 3, 4, 5), (1, 2, 3)), ((1, 3, 4, 5), (2,)), ((1, 9), (1,)),
    ((1, 6, 1, 5), (1, 3)), ((1, 1, 1, 5), (1, 2)), ((1, 30, 30, 2), (1, 2)), ((1, 7, 5), (1,)),
]


def make(shape: tuple[int, ...], axes: tuple[int, ...],
         keep: bool) -> tuple[Value, tuple[int, ...], schema.ReducerOptionsT]:
    options = schema.ReducerOptionsT()
    options.keepDims = keep
    out = np.zeros(shape).sum(axes, keepdims=keep).shape
    return Value("axes", (len(axes),), data=np.array(axes, np.int32)), out, options


@pytest.mark.parametrize("kind", ["MEAN", "SUM"])
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize(("shape", "axes"), CASES)
def test_bytes(native: Native, tmp_path: Path, kind: str, keep: bool, shape: tuple[int, ...],
               axes: tuple[int, ...]) -> None:
    """LiteRT 2.3's SUM is no oracle: it gives -1 for -50 + -70 with equal scales."""
    rng = np.random.default_rng([*shape, len(axes)])
    axis, out, options = make(shape, axes, keep)
    for _ in range(4):
        x = Value("x", shape, *params(rng))
        scale, zero = params(rng)
        many = 10 if kind == "SUM" else 1
        check(native, tmp_path, rng, kind, (x, axis), (Value("y", out, scale * many, zero),),
              options, oracle=kind == "MEAN")
    x = Value("x", shape, 0.1, -7)
    check(native, tmp_path, rng, kind, (x, axis), (Value("y", out, 0.1, -7),), options,
          oracle=kind == "MEAN")


@pytest.mark.parametrize(("shape", "axes"), CASES)
def test_sum_is_the_rounded_real_sum(tmp_path: Path, shape: tuple[int, ...],
                                     axes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(8)
    axis, out, options = make(shape, axes, True)
    x, y = Value("x", shape, 0.1, 20), Value("y", out, 0.7, -30)
    graph = graph_of(single_op("SUM", (x, axis), (y,), options), tmp_path)
    q = random_int8(rng, shape)
    (got,) = run_int(graph, {"x": q}).values()
    real = graph.tensor("x").params.dequantize(q).astype(np.float64).sum(
        graph.ops[0].axes, keepdims=True)  # type: ignore[attr-defined]
    best = graph.tensor("y").params.quantize(real)
    assert np.abs(got.astype(int) - best).max() <= 1


@pytest.mark.parametrize("kind", ["MEAN", "SUM"])
@pytest.mark.parametrize(("shape", "axes"), CASES)
def test_float(tmp_path: Path, kind: str, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    axis, out, options = make(shape, axes, True)
    check_float(tmp_path, np.random.default_rng(1), kind, (Value("x", shape), axis),
                (Value("y", out),), options)


@pytest.mark.parametrize("kind", ["MEAN", "SUM"])
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize(("shape", "axes"), [((1, 3, 4, 5), (1, 3)), ((1, 3, 4, 5, 2), (1, 3)),
                                             ((1, 3, 4, 5, 2, 3), (5, 1, 3))])
def test_axes_that_are_not_neighbours(native: Native, tmp_path: Path, kind: str, keep: bool,
                                      shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    rng = np.random.default_rng([*shape, len(axes)])
    axis, out, options = make(shape, axes, keep)
    model = single_op(kind, (Value("x", shape, 0.1, -7), axis), (Value("y", out, 0.31, 20),),
                      options)
    graph, x = graph_of(model, tmp_path), random_int8(rng, shape)
    kept = run_int(graph, {"x": x}, keep=graph.tensors)
    if kind == "MEAN":
        np.testing.assert_array_equal(kept["y"], Reference(model).run(x)[0])
    real = (x.astype(np.float64) + 7).sum(axes, keepdims=keep) * 0.1
    real /= np.prod([shape[a] for a in axes]) if kind == "MEAN" else 1
    assert np.abs(kept["y"] - np.clip(np.rint(real / 0.31) + 20, -128, 127)).max() <= 1
    for op in graph.ops:
        if not op.is_view:
            got = native.run(op, graph, kept.get(op.ins[0], x))[0]
            np.testing.assert_array_equal(got, kept[op.outs[0]])
    check_float(tmp_path, rng, kind, (Value("x", shape), axis), (Value("y", out),), options)
