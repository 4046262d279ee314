"""Pad and Concat: every axis, every mix of parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from against import check, check_float, graph_of, params, random_int8
from ai_edge_litert import schema_py_generated as schema
from native import Native
from tflite_writer import Reference, Value, single_op

from edgeq.execute import run_float, run_int
from edgeq.ir import Graph, QuantParams, Tensor
from edgeq.ops.concat import Concat
from edgeq.quant import quantize
from edgeq.recipe import Recipe

PADS = [
    ((1, 4, 5, 3), ((0, 0), (1, 2), (3, 0), (0, 0))),
    ((1, 4, 5, 3), ((0, 0), (0, 0), (0, 0), (1, 2))),
    ((1, 4, 5, 3), ((0, 0), (1, 1), (1, 1), (2, 0))), ((1, 6), ((0, 0), (2, 3))),
    ((1, 3, 6), ((0, 0), (1, 0), (0, 2))), ((1, 2, 2, 1), ((0, 0), (0, 0), (0, 0), (0, 0))),
]


@pytest.mark.parametrize(("shape", "pads"), PADS)
def test_pad(native: Native, tmp_path: Path, shape: tuple[int, ...],
             pads: tuple[tuple[int, int], ...]) -> None:
    rng = np.random.default_rng(shape)
    scale, zero = params(rng)
    out = tuple(s + a + b for s, (a, b) in zip(shape, pads, strict=True))
    amount = Value("pads", (len(pads), 2), data=np.array(pads, np.int32))
    x, y = Value("x", shape, scale, zero), Value("y", out, scale, zero)
    check(native, tmp_path, rng, "PAD", (x, amount), (y,), schema.PadOptionsT())
    fill = Value("fill", (1,), scale, zero, np.array([93], np.int8))
    check(native, tmp_path, rng, "PADV2", (x, amount, fill), (y,), schema.PadV2OptionsT())
    check_float(tmp_path, rng, "PAD", (Value("x", shape), amount), (Value("y", out),),
                schema.PadOptionsT())


@pytest.mark.parametrize(("shape", "pads"), [
    ((1, 4), ((1, 0), (0, 0))), ((3, 4, 5, 2), ((0, 0), (1, 2), (0, 3), (0, 0))),
    ((1, 2, 3, 4, 2), ((0, 0), (1, 0), (0, 0), (2, 1), (0, 0)))])
def test_pads_of_many_axes(native: Native, tmp_path: Path, shape: tuple[int, ...],
                           pads: tuple[tuple[int, int], ...]) -> None:
    """The first axis, axes behind one that is no batch of one, and five axes."""
    amount = Value("pads", (len(pads), 2), data=np.array(pads, np.int32))
    out = tuple(n + sum(p) for n, p in zip(shape, pads, strict=True))
    model = single_op("PAD", (Value("x", shape, 0.1, 3), amount), (Value("y", out, 0.1, 3),),
                      schema.PadOptionsT())
    graph, x = graph_of(model, tmp_path), random_int8(np.random.default_rng(1), shape)
    values = {"x": x}
    for op in graph.ops:
        read = values[op.ins[0]]
        values[op.outs[0]] = (read.reshape(graph.tensor(op.outs[0]).shape) if op.is_view
                              else native.run(op, graph, read)[0])
    np.testing.assert_array_equal(values["y"], Reference(model).run(x)[0])
    np.testing.assert_array_equal(run_int(graph, {"x": x})["y"], values["y"])


def axis_of(axis: int) -> schema.ConcatenationOptionsT:
    options = schema.ConcatenationOptionsT()
    options.axis = axis
    return options


@pytest.mark.parametrize("axis", [1, 2, 3, -1, -3])
def test_concat_of_equal_parameters(native: Native, tmp_path: Path, axis: int) -> None:
    rng = np.random.default_rng(axis + 9)
    shapes = [tuple(n if i == axis % 4 else s for i, s in enumerate((1, 3, 4, 5)))
              for n in (2, 1, 6)]
    out = np.concatenate([np.zeros(s) for s in shapes], axis).shape
    ins = [Value(f"x{i}", s, 0.1, 7) for i, s in enumerate(shapes)]
    check(native, tmp_path, rng, "CONCATENATION", ins, (Value("y", out, 0.1, 7),), axis_of(axis))
    floats = [Value(f"x{i}", s) for i, s in enumerate(shapes)]
    check_float(tmp_path, rng, "CONCATENATION", floats, (Value("y", out),), axis_of(axis))


def test_concat_requantizes_what_differs(native: Native) -> None:
    rng = np.random.default_rng(6)
    for _ in range(20):
        qs = [QuantParams(np.float64(s), np.int32(z)) for s, z in (params(rng) for _ in range(3))]
        tensors = {n: Tensor(n, (1, 2, 3), q=q) for n, q in zip("abc", qs, strict=True)}
        tensors["y"] = Tensor("y", (1, 2, 9), q=qs[2])
        op = Concat(name="concat", ins=("a", "b", "c"), outs=("y",), axis=2)
        graph = Graph(tensors, (op,), ("a", "b", "c"), ("y",))
        xs = [random_int8(rng, (1, 2, 3)) for _ in range(3)]
        (want,) = run_int(graph, dict(zip("abc", xs, strict=True))).values()
        np.testing.assert_array_equal(native.run(op, graph, *xs)[0], want)
        real = np.concatenate([q.dequantize(x) for q, x in zip(qs, xs, strict=True)], 2)
        best = qs[2].quantize(real.astype(np.float64)).astype(int)
        assert np.abs(best - want).max() <= 1
        np.testing.assert_array_equal(want[..., 6:], xs[2])


def test_constants_join_activations(native: Native) -> None:
    """A class token in front of tokens: rounded once, to the output's parameters, and copied."""
    rng = np.random.default_rng(8)
    token = rng.normal(size=(1, 1, 4)).astype(np.float32)
    op = Concat(name="concat", ins=("token", "x"), outs=("y",), axis=1)
    graph = Graph({"token": Tensor("token", token.shape, token), "x": Tensor("x", (1, 3, 4)),
                   "y": Tensor("y", (1, 4, 4))}, (op,), ("x",), ("y",))
    x = rng.normal(size=(6, 3, 4)).astype(np.float32)
    np.testing.assert_array_equal(run_float(graph, {"x": x})["y"][:, :1],
                                  np.repeat(token, 6, 0))
    ints = quantize(graph, x, Recipe(rollback=False)).graph
    q = ints.tensor("y").params
    np.testing.assert_array_equal(ints.integers("token"), q.quantize(token))
    batch = run_int(ints, {"x": random_int8(rng, (5, 3, 4))})["y"]
    np.testing.assert_array_equal(batch[:, 0], np.repeat(ints.integers("token")[:, 0], 5, 0))
    one = random_int8(rng, (1, 3, 4))
    np.testing.assert_array_equal(native.run(op, ints, one)[0], run_int(ints, {"x": one})["y"])
