"""Outputs that are always ~0 get tiny scales: no overflow (UBSan), and C equals run_int."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from against import check
from ai_edge_litert import schema_py_generated as schema
from native import Native
from tflite_writer import Value

FULL = (1, 3, 5, 7)
SCALES = [(0.1, 1e-12), (10.0, 1e-7), (0.1, 1e-4), (1e-12, 0.1), (1e-9, 1e-9)]


def leaky() -> schema.LeakyReluOptionsT:
    options = schema.LeakyReluOptionsT()
    options.alpha = 0.2
    return options


@pytest.mark.parametrize(("kind", "options"), [
    ("RELU", None), ("LEAKY_RELU", leaky()), ("HARD_SWISH", None), ("LOGISTIC", None),
    ("TANH", None), ("GELU", schema.GeluOptionsT()), ("ELU", None),
    ("SOFTMAX", schema.SoftmaxOptionsT())])
@pytest.mark.parametrize(("x_scale", "y_scale"), SCALES)
def test_one_operand(native_ubsan: Native, tmp_path: Path, kind: str, options: object | None,
                     x_scale: float, y_scale: float) -> None:
    check(native_ubsan, tmp_path, np.random.default_rng(1), kind,
          (Value("x", FULL, x_scale, -7),), (Value("y", FULL, y_scale, 5),), options,
          oracle=False)


@pytest.mark.parametrize(("kind", "options"), [
    ("ADD", schema.AddOptionsT()), ("SUB", schema.SubOptionsT()), ("MUL", schema.MulOptionsT()),
    ("MAXIMUM", schema.MaximumMinimumOptionsT()), ("PRELU", None)])
@pytest.mark.parametrize("other", [FULL, (1, 1, 1, 7)], ids=str)
@pytest.mark.parametrize(("x_scale", "y_scale"), SCALES)
def test_two_operands(native_ubsan: Native, tmp_path: Path, kind: str, options: object | None,
                      other: tuple[int, ...], x_scale: float, y_scale: float) -> None:
    ins = (Value("a", FULL, x_scale, -128), Value("b", other, 0.3, 127))
    check(native_ubsan, tmp_path, np.random.default_rng(2), kind, ins,
          (Value("y", FULL, y_scale, 5),), options, oracle=False)


@pytest.mark.parametrize("kind", ["MEAN", "SUM"])
@pytest.mark.parametrize(("x_scale", "y_scale"), SCALES)
def test_reductions(native_ubsan: Native, tmp_path: Path, kind: str, x_scale: float,
                    y_scale: float) -> None:
    options = schema.ReducerOptionsT()
    options.keepDims = True
    axes = Value("axes", (2,), data=np.array([1, 2], np.int32))
    check(native_ubsan, tmp_path, np.random.default_rng(3), kind,
          (Value("x", (1, 40, 40, 7), x_scale, -128), axes),
          (Value("y", (1, 1, 1, 7), y_scale, 5),), options, oracle=False)
