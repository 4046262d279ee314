"""Softmax: fixed point, wide and narrow rows, flat and steep inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from against import check, check_float, graph_of
from ai_edge_litert import schema_py_generated as schema
from native import Native
from tflite_writer import Value, single_op

from edgeq.errors import UnsupportedError


def options(beta: float = 1.0) -> schema.SoftmaxOptionsT:
    made = schema.SoftmaxOptionsT()
    made.beta = beta
    return made


@pytest.mark.parametrize("shape", [(1, 10), (1, 2), (1, 1), (1, 1001), (1, 4, 5, 6), (1, 3, 12)])
def test_bytes(native: Native, tmp_path: Path, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(shape)
    for scale in (1e-4, 0.003, 0.02, 0.0625, 0.1, 0.173, 0.5, 1.0, 7.0, 100.0):
        for beta in (1.0, 0.3):
            check(native, tmp_path, rng, "SOFTMAX",
                  (Value("x", shape, scale, int(rng.integers(-128, 128))),),
                  (Value("y", shape, 1 / 256, -128),), options(beta), rounds=4,
                  oracle=shape[-1] < 512)  # LiteRT aborts where 512 values are about equal


@pytest.mark.parametrize("shape", [(1, 10), (1, 4, 5, 6)])
def test_float(tmp_path: Path, shape: tuple[int, ...]) -> None:
    check_float(tmp_path, np.random.default_rng(1), "SOFTMAX", (Value("x", shape),),
                (Value("y", shape),), options(0.7))


def test_limit(tmp_path: Path) -> None:
    model = single_op("SOFTMAX", (Value("x", (1, 5000), 0.1),),
                      (Value("y", (1, 5000), 1 / 256, -128),), options())
    with pytest.raises(UnsupportedError, match="4096"):
        graph_of(model, tmp_path)
