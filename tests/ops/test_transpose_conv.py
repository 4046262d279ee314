"""Transposed convolution: strides, kernels, both paddings, against LiteRT and the C code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from against import ACTS, check, check_float, params, random_int8, with_act
from ai_edge_litert import schema_py_generated as schema
from native import Native
from tflite_writer import Value

from edgeq.execute import run_float, run_int
from edgeq.ir import Graph, Tensor
from edgeq.ops.transpose_conv import TransposeConv
from edgeq.quant import quantize
from edgeq.recipe import Recipe

CASES = [  # input (h, w), kernel, stride, SAME
    ((4, 5), (3, 3), (2, 2), True), ((4, 5), (3, 3), (2, 2), False), ((3, 3), (2, 2), (2, 2), True),
    ((3, 4), (4, 4), (2, 2), True), ((5, 2), (1, 3), (1, 2), False), ((2, 2), (5, 4), (3, 2), True),
    ((3, 3), (1, 1), (2, 3), True), ((1, 6), (2, 5), (1, 1), True),
]


def size(before: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int],
         same: bool) -> tuple[int, int]:
    h, w = (n * s if same else (n - 1) * s + k
            for n, k, s in zip(before, kernel, stride, strict=True))
    return h, w


def options(stride: tuple[int, int], same: bool, act: int = 0) -> object:
    made = schema.TransposeConvOptionsT()
    made.strideH, made.strideW = stride
    made.padding = schema.Padding.SAME if same else schema.Padding.VALID
    return with_act(made, act)


@pytest.mark.parametrize(("before", "kernel", "stride", "same"), CASES)
@pytest.mark.parametrize("bias", [False, True])
def test_against_litert(native: Native, tmp_path: Path, before: tuple[int, int],
                        kernel: tuple[int, int], stride: tuple[int, int], same: bool,
                        bias: bool) -> None:
    rng = np.random.default_rng([*before, *kernel, bias])
    in_c, out_c = 5, 3
    out = (1, *size(before, kernel, stride, same), out_c)
    shape = Value("shape", (4,), data=np.array(out, np.int32))
    for _ in range(3):
        x, y = params(rng, 0.01, 0.1), params(rng, 0.1, 0.4)
        w = Value("w", (out_c, *kernel, in_c), 0.01, 0,
                  np.maximum(random_int8(rng, (out_c, *kernel, in_c)), -127))
        b = Value("b", (out_c,), float(np.float32(x[0]) * np.float32(0.01)), 0,
                  rng.integers(-3000, 3000, out_c).astype(np.int32))
        ins = (shape, w, Value("x", (1, *before, in_c), *x), *((b,) if bias else ()))
        check(native, tmp_path, rng, "TRANSPOSE_CONV", ins, (Value("y", out, *y),),
              options(stride, same))
    real = Value("w", w.shape, data=rng.normal(0, 0.1, w.shape).astype(np.float32))
    offset = Value("b", (out_c,), data=rng.normal(0, 1, out_c).astype(np.float32))
    ins = (shape, real, Value("x", (1, *before, in_c)), *((offset,) if bias else ()))
    check_float(tmp_path, rng, "TRANSPOSE_CONV", ins, (Value("y", out),), options(stride, same))


@pytest.mark.parametrize("act", ACTS[:3])
def test_quantized_is_near_float(native: Native, act: int) -> None:
    from edgeq.ops.base import Act

    rng = np.random.default_rng(7)
    op = TransposeConv(name="t", ins=("x", "w", "b"), outs=("y",), size=(8, 8), stride=(2, 2),
                       top=0, left=0, act=list(Act)[act if act < 2 else 2])
    tensors = {"x": Tensor("x", (1, 4, 4, 6)), "y": Tensor("y", (1, 8, 8, 5)),
               "w": Tensor("w", (5, 3, 3, 6), rng.normal(0, 1, (5, 3, 3, 6)).astype(np.float32)),
               "b": Tensor("b", (5,), rng.normal(0, 1, 5).astype(np.float32))}
    graph = Graph(tensors, (op,), ("x",), ("y",))
    x = rng.normal(0, 1, (30, 4, 4, 6)).astype(np.float32)
    ints = quantize(graph, x, Recipe(rollback=False)).graph
    q = ints.tensor("x").params.quantize(x)
    (got,), (want,) = run_int(ints, {"x": q}).values(), run_float(graph, {"x": x}).values()
    noise = ints.tensor("y").params.dequantize(got) - want
    assert 10 * np.log10((want**2).sum() / (noise**2).sum()) > 30
    np.testing.assert_array_equal(native.run(ints.ops[0], ints, q[:1])[0], got[:1])
