"""Transpose, Slice, Split, Unpack and Pack: orders, steps, masks."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from against import check, check_float, graph_of, random_int8
from ai_edge_litert import schema_py_generated as schema
from native import Native
from tflite_writer import Reference, Value, single_op

from edgeq.errors import UnsupportedError
from edgeq.execute import run_float, run_int
from edgeq.ir import Graph, QuantParams, Tensor, dtype_of
from edgeq.ops.base import check_limits
from edgeq.ops.gather import Transpose
from edgeq.passes import simplify

SHAPE = (1, 3, 5, 4)


def ints(name: str, *values: int) -> Value:
    return Value(name, (len(values),), data=np.array(values, np.int32))


@pytest.mark.parametrize("order", list(permutations((1, 2, 3))), ids=str)
def test_transpose(native: Native, tmp_path: Path, order: tuple[int, ...]) -> None:
    rng = np.random.default_rng(order)
    perm, out = (0, *order), (1, *(SHAPE[i] for i in order))
    check(native, tmp_path, rng, "TRANSPOSE", (Value("x", SHAPE, 0.1, 3), ints("perm", *perm)),
          (Value("y", out, 0.1, 3),), schema.TransposeOptionsT())
    check_float(tmp_path, rng, "TRANSPOSE", (Value("x", SHAPE), ints("perm", *perm)),
                (Value("y", out),), schema.TransposeOptionsT())


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("order", [
    (0, 3, 2, 1), (0, 5, 3, 1, 4, 2), (0, 2, 4, 6, 1, 3, 5), (0, 7, 6, 5, 4, 3, 2, 1)], ids=str)
def test_transpose_of_many_axes(native: Native, order: tuple[int, ...], bits: int) -> None:
    shape = (1, 3, 2, 4, 2, 3, 2, 2)[:len(order)]
    q = QuantParams(np.array(0.1), np.array(0, np.int32), bits)
    op = Transpose(name="t", ins=("x",), outs=("y",), perm=order)
    out = tuple(shape[i] for i in order)
    graph = Graph({"x": Tensor("x", shape, None, q), "y": Tensor("y", out, None, q)}, (op,),
                  ("x",), ("y",))
    check_limits(op, graph)
    x = np.random.default_rng(order).integers(-128, 128, shape).astype(dtype_of(bits))
    np.testing.assert_array_equal(native.run(op, graph, x)[0], x.transpose(order))


def test_more_axes_than_any_kernel_has() -> None:
    shape, order = (1, *[2] * 9), (0, *range(9, 0, -1))
    op = Transpose(name="t", ins=("x",), outs=("y",), perm=order)
    graph = Graph({n: Tensor(n, shape, None, None) for n in "xy"}, (op,), ("x",), ("y",))
    with pytest.raises(UnsupportedError, match="9 axes that do not merge"):
        check_limits(op, graph)


SLICES = [  # begin, end, step, begin mask, end mask, shrink mask
    ((0, 1, 0, 0), (1, 3, 5, 4), (1, 1, 1, 1), 0, 0, 0),
    ((0, 0, 1, 0), (1, 3, 5, 4), (1, 2, 2, 3), 0, 0, 0),
    ((0, -1, -1, 0), (0, 0, -9, 0), (1, -1, -2, 1), 6, 9, 0),
    ((0, 0, 0, 0), (0, 0, 0, 0), (1, 1, 1, -1), 15, 15, 0),
    ((0, 1, 0, 0), (0, 2, 0, 0), (1, 1, 1, 1), 13, 13, 2),
    ((0, 0, 0, -1), (0, 0, 0, 0), (1, 1, 1, 1), 7, 7, 8),
]


@pytest.mark.parametrize(("begin", "end", "step", "begin_mask", "end_mask", "shrink"), SLICES)
def test_strided_slice(native: Native, tmp_path: Path, begin: tuple[int, ...],
                       end: tuple[int, ...], step: tuple[int, ...], begin_mask: int,
                       end_mask: int, shrink: int) -> None:
    rng = np.random.default_rng(1)
    index = tuple(
        begin[i] if shrink >> i & 1 else slice(
            None if begin_mask >> i & 1 else begin[i], None if end_mask >> i & 1 else end[i],
            step[i]) for i in range(4))
    out = np.zeros(SHAPE)[index].shape
    options = schema.StridedSliceOptionsT()
    options.beginMask, options.endMask, options.shrinkAxisMask = begin_mask, end_mask, shrink
    rest = (ints("begin", *begin), ints("end", *end), ints("step", *step))
    check(native, tmp_path, rng, "STRIDED_SLICE", (Value("x", SHAPE, 0.1, 3), *rest),
          (Value("y", out, 0.1, 3),), options)
    check_float(tmp_path, rng, "STRIDED_SLICE", (Value("x", SHAPE), *rest), (Value("y", out),),
                options)


def test_only_sample_taken_out_of_its_batch(tmp_path: Path) -> None:
    """x[0] at the end of a model: the batch stays, for more samples than one."""
    options = schema.StridedSliceOptionsT()
    options.beginMask, options.endMask, options.shrinkAxisMask = 14, 14, 1
    rest = (ints("begin", 0, 0, 0, 0), ints("end", 1, 0, 0, 0), ints("step", 1, 1, 1, 1))
    model = single_op("STRIDED_SLICE", (Value("x", SHAPE), *rest), (Value("y", SHAPE[1:]),),
                      options)
    graph = simplify(graph_of(model, tmp_path))
    assert graph.tensor("y").shape == SHAPE
    x = np.random.default_rng(0).normal(0, 1, (3, *SHAPE[1:])).astype(np.float32)
    np.testing.assert_array_equal(run_float(graph, {"x": x})["y"], x)


def test_slice(native: Native, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    check(native, tmp_path, rng, "SLICE",
          (Value("x", SHAPE, 0.1, 3), ints("begin", 0, 1, 2, 0), ints("size", 1, 2, -1, 3)),
          (Value("y", (1, 2, 3, 3), 0.1, 3),), schema.SliceOptionsT())


def test_sliced_first_axis(tmp_path: Path) -> None:
    """Time in front, as unrolled layers have it: seen behind a batch of one."""
    model = single_op("SLICE", (Value("x", (4, 3), 0.1), ints("begin", 1, 0), ints("size", 2, 3)),
                      (Value("y", (2, 3), 0.1),), schema.SliceOptionsT())
    graph, x = graph_of(model, tmp_path), random_int8(np.random.default_rng(5), (4, 3))
    np.testing.assert_array_equal(run_int(graph, {"x": x})["y"], x[1:3])


@pytest.mark.parametrize("kind", ["SPLIT", "SPLIT_V", "UNPACK"])
def test_split(native: Native, tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(3)
    x = Value("x", (1, 6, 3), 0.1, 3)
    sizes = {"SPLIT": [2, 2, 2], "SPLIT_V": [1, 3, 2], "UNPACK": [1] * 6}[kind]
    ins, options = (x,), schema.UnpackOptionsT()
    if kind == "SPLIT":
        ins, options = (ints("axis", 1), x), schema.SplitOptionsT()
        options.numSplits = 3
    elif kind == "SPLIT_V":
        ins, options = (x, ints("sizes", 1, -1, 2), ints("axis", 1)), schema.SplitVOptionsT()
        options.numSplits = 3
    else:
        options.axis, options.num = 1, 6
    outs = [Value(f"y{i}", (1, 3) if kind == "UNPACK" else (1, n, 3), 0.1, 3)
            for i, n in enumerate(sizes)]
    model = single_op(kind, ins, outs, options)
    graph = graph_of(model, tmp_path)
    q = random_int8(rng, x.shape)
    got = run_int(graph, {"x": q})
    for name, want in zip(graph.outs, Reference(model).run(q), strict=True):
        np.testing.assert_array_equal(got[name], want)
    for op in graph.ops:
        np.testing.assert_array_equal(native.run(op, graph, q)[0], got[op.outs[0]])


@pytest.mark.parametrize("axis", [1, 2, 3, -1])
def test_pack(native: Native, tmp_path: Path, axis: int) -> None:
    rng = np.random.default_rng(4)
    ins = [Value(f"x{i}", (1, 4, 3), 0.1, 3) for i in range(3)]
    out = np.stack([np.zeros((1, 4, 3))] * 3, axis).shape
    options = schema.PackOptionsT()
    options.axis, options.valuesCount = axis, 3
    check(native, tmp_path, rng, "PACK", ins, (Value("y", out, 0.1, 3),), options)
