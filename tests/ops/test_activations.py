"""Functions of one value: every int8 input, many parameters, against LiteRT."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from against import check, check_float, graph_of, params
from ai_edge_litert import schema_py_generated as schema
from native import Native
from tflite_writer import Reference, Value, single_op

from edgeq.execute import run_int
from edgeq.fixedpoint import exp_on_negative, reciprocal_of_one_plus
from edgeq.ir import QuantParams
from edgeq.ops.activations import HardSwish, Logistic
from edgeq.ops.lut import CODES
from edgeq.ops.requantize import Requantize
from edgeq.requant import doubling_high_mul, quantize_multiplier, rounding_shift

SHAPE = (1, 256)


def leaky(alpha: float) -> schema.LeakyReluOptionsT:
    options = schema.LeakyReluOptionsT()
    options.alpha = alpha
    return options


def gelu(approximate: bool) -> schema.GeluOptionsT:
    options = schema.GeluOptionsT()
    options.approximate = approximate
    return options


FREE = [("RELU", None), ("RELU6", None), ("RELU_N1_TO_1", None), ("LEAKY_RELU", leaky(0.1)),
        ("LEAKY_RELU", leaky(0.3)), ("LEAKY_RELU", leaky(1.7)), ("ELU", None),
        ("GELU", gelu(False)), ("GELU", gelu(True))]


def every_code(folder: Path, kind: str, x: Value, y: Value, options: object | None) -> None:
    """Assert run_int == LiteRT for all 256 inputs."""
    model = single_op(kind, (x,), (y,), options)
    graph = graph_of(model, folder)
    codes = CODES.reshape(SHAPE)
    (want,) = Reference(model, kind != "ELU").run(codes)
    (got,) = run_int(graph, {"x": codes}).values()
    np.testing.assert_array_equal(got, want, f"{kind} {x.scale} {x.zero} {y.scale} {y.zero}")


@pytest.mark.parametrize(("kind", "options"), FREE)
def test_every_code(tmp_path: Path, kind: str, options: object | None) -> None:
    rng = np.random.default_rng(1)
    for _ in range(60):
        every_code(tmp_path, kind, Value("x", SHAPE, *params(rng)),
                   Value("y", SHAPE, *params(rng)), options)


@pytest.mark.parametrize(("kind", "scale", "zero"),
                         [("LOGISTIC", 1 / 256, -128), ("TANH", 1 / 128, 0)])
def test_every_code_of_fixed_outputs(tmp_path: Path, kind: str, scale: float, zero: int) -> None:
    rng = np.random.default_rng(2)
    for _ in range(150):
        every_code(tmp_path, kind, Value("x", SHAPE, *params(rng)),
                   Value("y", SHAPE, scale, zero), None)


def test_every_code_of_hard_swish(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for _ in range(150):
        scale, zero = params(rng)
        y_scale = scale * float(rng.uniform(0.02, 2))
        every_code(tmp_path, "HARD_SWISH", Value("x", SHAPE, scale, zero),
                   Value("y", SHAPE, y_scale, int(rng.integers(-128, 128))), None)


@pytest.mark.parametrize(("kind", "options"), [*FREE, ("LOGISTIC", None), ("TANH", None),
                                               ("HARD_SWISH", None)])
def test_c_and_float(native: Native, tmp_path: Path, kind: str, options: object | None) -> None:
    rng = np.random.default_rng(4)
    shape = (1, 3, 5, 7)
    scale, zero = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}.get(kind, (0.05, -10))
    check(native, tmp_path, rng, kind, (Value("x", shape, 0.06, 11),),
          (Value("y", shape, scale, zero),), options)
    check_float(tmp_path, rng, kind, (Value("x", shape),), (Value("y", shape),), options)


def test_requantize(tmp_path: Path) -> None:
    """TFLite's QUANTIZE from int8 to int8."""
    rng = np.random.default_rng(5)
    op = Requantize(name="q", ins=("x",), outs=("y",))
    for _ in range(100):
        x, y = Value("x", SHAPE, *params(rng)), Value("y", SHAPE, *params(rng))
        model = single_op("QUANTIZE", (x,), (y,), schema.QuantizeOptionsT())
        (want,) = Reference(model).run(CODES.reshape(SHAPE))
        q_in, q_out = (QuantParams(np.float64(np.float32(v.scale)), np.int32(v.zero))
                       for v in (x, y))
        np.testing.assert_array_equal(op.table(q_in, q_out).reshape(SHAPE), want)


def test_hard_swish_with_an_output_finer_than_its_formula_covers() -> None:
    q_in, q_out = (QuantParams(np.float64(s), np.int32(0)) for s in (0.1, 0.0005))
    table = HardSwish(name="h", ins=("x",), outs=("y",)).table(q_in, q_out)
    real = q_in.dequantize(CODES).astype(np.float64)
    exact = q_out.quantize(real * np.clip(real + 3, 0, 6) / 6)
    assert np.abs(table.astype(int) - exact).max() <= 1


def gemmlowp_logistic(q: QuantParams) -> np.ndarray:
    """TFLite Micro's logistic (integer_ops/logistic.h), for comparison with the rounded table."""
    mult, shift = quantize_multiplier(float(q.scale) * (1 << 27))
    radius = math.floor(15 * (1 << 27) / 2.0**shift)
    x = CODES.astype(np.int64) - int(q.zero)
    scaled = doubling_high_mul(np.clip(x, -radius, radius) << shift, mult)
    half = reciprocal_of_one_plus(exp_on_negative(-np.abs(scaled), 4))
    y = np.where(scaled > 0, half, (1 << 31) - 1 - half)
    y = rounding_shift(np.where(scaled == 0, 1 << 30, y), 23) - 128
    return np.clip(np.where(x <= -radius, -128, np.where(x >= radius, 127, y)), -128, 127)


def test_logistic_is_within_one_of_tflite_micro() -> None:
    """TFLite Micro evaluates gemmlowp's fixed point where LiteRT has a rounded table."""
    rng = np.random.default_rng(6)
    op = Logistic(name="l", ins=("x",), outs=("y",))
    q_out = QuantParams(np.float64(1 / 256), np.int32(-128))
    for _ in range(100):
        scale, zero = params(rng)
        q_in = QuantParams(np.float64(scale), np.int32(zero))
        difference = np.abs(op.table(q_in, q_out) - gemmlowp_logistic(q_in))
        assert difference.max() <= 1
        assert np.count_nonzero(difference) <= 4
