"""Minimum, Maximum and PReLU: every way of broadcasting, constants, mixed parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from against import check, check_float, params, random_int8
from ai_edge_litert import schema_py_generated as schema
from native import Native
from tflite_writer import Value

from edgeq.execute import run_int
from edgeq.ir import Graph, QuantParams, Tensor
from edgeq.ops.minmax import MinMax

FULL = (1, 3, 5, 7)
OTHERS = [FULL, (1, 1, 1, 7), (7,), (1,), (1, 3, 5, 1)]


@pytest.mark.parametrize("kind", ["MINIMUM", "MAXIMUM"])
@pytest.mark.parametrize("other", OTHERS, ids=str)
@pytest.mark.parametrize("const", [False, True])
def test_minmax(native: Native, tmp_path: Path, kind: str, other: tuple[int, ...],
                const: bool) -> None:
    rng = np.random.default_rng([*other, const])
    scale, zero = params(rng)
    data = random_int8(rng, other) if const else None
    ins = (Value("a", FULL, scale, zero), Value("b", other, scale, zero, data))
    for pair in (ins, ins[::-1]):
        check(native, tmp_path, rng, kind, pair, (Value("y", FULL, scale, zero),),
              schema.MaximumMinimumOptionsT())
    constant = Value("b", other, data=rng.normal(0, 1, other).astype(np.float32))
    check_float(tmp_path, rng, kind, (Value("a", FULL), constant), (Value("y", FULL),),
                schema.MaximumMinimumOptionsT())


@pytest.mark.parametrize("is_max", [False, True])
def test_minmax_of_mixed_parameters(native: Native, is_max: bool) -> None:
    rng = np.random.default_rng(1)
    for _ in range(10):
        qs = [QuantParams(np.float64(s), np.int32(z))
              for s, z in (params(rng, 0.05, 0.2) for _ in range(3))]
        tensors = {n: Tensor(n, FULL, q=q) for n, q in zip("aby", qs, strict=True)}
        op = MinMax(name="m", ins=("a", "b"), outs=("y",), is_max=is_max)
        graph = Graph(tensors, (op,), ("a", "b"), ("y",))
        xs = [random_int8(rng, FULL) for _ in range(2)]
        (want,) = run_int(graph, dict(zip("ab", xs, strict=True))).values()
        np.testing.assert_array_equal(native.run(op, graph, *xs)[0], want)
        real = [q.dequantize(x) for q, x in zip(qs, xs, strict=False)]
        best = qs[2].quantize(np.maximum(*real) if is_max else np.minimum(*real))
        assert np.abs(best.astype(int) - want).max() <= 1


@pytest.mark.parametrize("other", [(1, 1, 7), (1, 1, 1), (3, 5, 7), (3, 5, 1)], ids=str)
@pytest.mark.parametrize("const", [False, True])
def test_prelu(native: Native, tmp_path: Path, other: tuple[int, ...], const: bool) -> None:
    rng = np.random.default_rng([*other, const])
    for _ in range(10):
        data = random_int8(rng, other) if const else None
        ins = (Value("x", FULL, *params(rng)), Value("slope", other, *params(rng), data))
        check(native, tmp_path, rng, "PRELU", ins, (Value("y", FULL, *params(rng)),))
    slope = Value("slope", other, data=rng.normal(0, 1, other).astype(np.float32))
    check_float(tmp_path, rng, "PRELU", (Value("x", FULL), slope), (Value("y", FULL),))
