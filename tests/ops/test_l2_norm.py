"""L2Norm: byte-equal to LiteRT's reference, and near the real rows under any step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from against import check, check_float, graph_of, random_int8
from ai_edge_litert import schema_py_generated as schema
from native import Native
from tflite_writer import Value, single_op

from edgeq.errors import UnsupportedError
from edgeq.execute import run_int
from edgeq.fixedpoint import inverse_length
from edgeq.ir import Graph, QuantParams, Tensor
from edgeq.ops.l2_norm import L2Norm

SHAPES = [(1, 7), (1, 3, 5, 1), (1, 6, 2), (1, 1, 129), (1, 4, 4, 16), (1, 2048)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("zero", [-128, -3, 0, 127])
def test_bytes(native: Native, tmp_path: Path, shape: tuple[int, ...], zero: int) -> None:
    rng = np.random.default_rng([*shape, zero + 128])
    check(native, tmp_path, rng, "L2_NORMALIZATION", (Value("x", shape, 0.1, zero),),
          (Value("y", shape, 1 / 128, 0),), schema.L2NormOptionsT(), rounds=10)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_float(tmp_path: Path, shape: tuple[int, ...]) -> None:
    check_float(tmp_path, np.random.default_rng(1), "L2_NORMALIZATION", (Value("x", shape),),
                (Value("y", shape),), schema.L2NormOptionsT())


@pytest.mark.parametrize("scale", [1 / 128, 0.0031, 1 / 1024, 0.0078, 1e-9, 0.9])
def test_any_step(native: Native, scale: float) -> None:
    rng, shape = np.random.default_rng(4), (1, 40, 33)
    x, y = (QuantParams(np.array(s), np.array(z, np.int32)) for s, z in ((0.03, 9), (scale, -20)))
    graph = Graph({"x": Tensor("x", shape, None, x), "y": Tensor("y", shape, None, y)},
                  (L2Norm(name="n", ins=("x",), outs=("y",)),), ("x",), ("y",))
    q = random_int8(rng, shape)
    q[0, 0], q[0, 1], q[0, 1, 5] = 9, 9, 10  # rows of length 0 and 1
    (got,) = run_int(graph, {"x": q}).values()
    np.testing.assert_array_equal(native.run(graph.ops[0], graph, q)[0], got)
    (real,) = graph.ops[0].run(np.asarray(x.dequantize(q), np.float32))
    error = got - np.clip(real / scale - 20, -128, 127)
    assert np.abs(error).max() <= 0.51


def test_inverse_length() -> None:
    x = np.concatenate([np.arange(1, 5000), 4**np.arange(16) - 1, 4**np.arange(16),
                        [(1 << 31) - 1]])[1:]
    r, right = inverse_length(x[x > 0])
    np.testing.assert_allclose(r / 2.0**(31 + right), 1 / np.sqrt(x[x > 0]), rtol=2e-6)


def test_long_rows_are_refused(tmp_path: Path) -> None:
    model = single_op("L2_NORMALIZATION", (Value("x", (1, 40000), 0.1, 3),),
                      (Value("y", (1, 40000), 1 / 128),), schema.L2NormOptionsT())
    with pytest.raises(UnsupportedError, match="40000 values"):
        graph_of(model, tmp_path)
