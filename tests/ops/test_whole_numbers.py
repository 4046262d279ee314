"""Indices, comparisons and choices: run_int, the portable C and LiteRT agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from against import params, random_int8
from ai_edge_litert import schema_py_generated as schema
from native import Native
from tflite_models import ModelFile, dense_options
from tflite_writer import Reference, Value, single_op

from edgeq.board import Target, load_board
from edgeq.emit import emit
from edgeq.errors import UnsupportedError
from edgeq.execute import run_float, run_int
from edgeq.folder import write
from edgeq.host import HostModel
from edgeq.ir import Graph
from edgeq.lower import lower
from edgeq.passes import simplify
from edgeq.quant import quantize
from edgeq.readers import read
from edgeq.recipe import load_recipe

COMPARISONS = ("LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL", "EQUAL", "NOT_EQUAL")


def graph_of(model: bytes, folder: Path) -> Graph:
    (folder / "one.tflite").write_bytes(model)
    return read(folder / "one.tflite")


@pytest.mark.parametrize("shape", [(1, 9), (1, 4, 5, 6)])
@pytest.mark.parametrize("kind", ["ARG_MAX", "ARG_MIN"])
@pytest.mark.parametrize("wide", ["int32", "int64"])
def test_arg_extremes(native: Native, tmp_path: Path, kind: str, shape: tuple[int, ...],
                      wide: str) -> None:
    """Quantized and float files; few values, so that equal ones are common."""
    rng = np.random.default_rng(len(shape))
    for axis in range(1, len(shape)):
        options = schema.ArgMaxOptionsT() if kind == "ARG_MAX" else schema.ArgMinOptionsT()
        options.outputType = getattr(schema.TensorType, wide.upper())
        out = Value("y", shape[:axis] + shape[axis + 1:], kind=wide)
        place = Value("axis", (1,), data=np.array([axis - len(shape)], np.int32))
        for x in (Value("x", shape, 0.1, 3), Value("x", shape)):
            model = single_op(kind, [x, place], [out], options)
            graph, reference = graph_of(model, tmp_path), Reference(model)
            q = rng.integers(-2, 3, shape).astype(np.int8)
            if x.scale:
                (want,) = run_int(graph, {"x": q}).values()
                assert want.dtype == np.int32
                np.testing.assert_array_equal(native.run(graph.ops[0], graph, q)[0], want)
            else:
                q = q.astype(np.float32)
                (want,) = run_float(graph, {"x": q}).values()
            np.testing.assert_array_equal(want, reference.run(q)[0])


@pytest.mark.parametrize("shapes", [((1, 4, 5), (1, 4, 5)), ((1, 4, 5), (5,)), ((5,), (1, 4, 5)),
                                    ((1, 4, 5), (1,))])
@pytest.mark.parametrize("kind", COMPARISONS)
def test_comparisons(native: Native, tmp_path: Path, kind: str,
                     shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    rng = np.random.default_rng(COMPARISONS.index(kind))
    for _ in range(4):
        ins = []
        for name, shape in zip("ab", shapes, strict=True):
            scale, zero = params(rng, 0.01, 0.3)
            data = random_int8(rng, shape) if len(shape) == 1 else None
            ins.append(Value(name, shape, scale, zero, data))
        if rng.random() < 0.5:
            ins[1] = Value("b", ins[1].shape, ins[0].scale, ins[0].zero, ins[1].data)
        options = getattr(schema, "".join(p.capitalize() for p in kind.split("_")) + "OptionsT")()
        model = single_op(kind, ins, [Value("y", (1, 4, 5), kind="bool")], options)
        graph, reference = graph_of(model, tmp_path), Reference(model)
        xs = [random_int8(rng, graph.tensor(n).shape) for n in graph.ins]
        (want,) = run_int(graph, dict(zip(graph.ins, xs, strict=True))).values()
        np.testing.assert_array_equal(native.run(graph.ops[0], graph, *xs)[0], want)
        np.testing.assert_array_equal(want, reference.run(*xs)[0].astype(np.int8))


@pytest.mark.parametrize("shapes", [((1, 3, 4, 5),) * 3, ((1, 3, 1, 5), (1, 3, 4, 5), (5,)),
                                    ((1, 1, 4, 1), (1, 3, 4, 5), (1, 3, 1, 1))])
def test_select(native: Native, tmp_path: Path, shapes: tuple[tuple[int, ...], ...]) -> None:
    rng = np.random.default_rng(5)
    names = [Value("c", shapes[0], kind="bool"), Value("a", shapes[1], 0.1, 3),
             Value("b", shapes[2], 0.1, 3)]
    model = single_op("SELECT_V2", names, [Value("y", (1, 3, 4, 5), 0.1, 3)],
                      schema.SelectV2OptionsT())
    graph, reference = graph_of(model, tmp_path), Reference(model)
    c = rng.integers(0, 2, shapes[0]).astype(np.int8)
    a, b = (random_int8(rng, s) for s in shapes[1:])
    (want,) = run_int(graph, {"c": c, "a": a, "b": b}).values()
    np.testing.assert_array_equal(native.run(graph.ops[0], graph, c, a, b)[0], want)
    np.testing.assert_array_equal(want, reference.run(c.astype(bool), a, b)[0])


@pytest.mark.parametrize("kind", ["LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT"])
def test_logic(native: Native, tmp_path: Path, kind: str) -> None:
    names = [Value(n, (1, 8), kind="bool") for n in ("a" if kind == "LOGICAL_NOT" else "ab")]
    model = single_op(kind, names, [Value("y", (1, 8), kind="bool")])
    graph = graph_of(model, tmp_path)
    bits = [np.arange(8)[None] % 2, np.arange(8)[None] // 2 % 2][:len(names)]
    (want,) = run_float(graph, dict(zip(graph.ins, bits, strict=True))).values()
    np.testing.assert_array_equal(want, Reference(model).run(*(b.astype(bool) for b in bits))[0])


def test_rows_of_a_quantized_table(native: Native, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    data = random_int8(rng, (11, 3, 2))
    model = single_op("GATHER", [Value("t", data.shape, 0.1, 3, data),
                                 Value("i", (1, 6), kind="int32")],
                      [Value("y", (1, 6, 3, 2), 0.1, 3)], schema.GatherOptionsT())
    graph, reference = graph_of(model, tmp_path), Reference(model)
    index = np.array([[0, 10, 3, 3, 7, 1]], np.int32)
    (want,) = run_int(graph, {"i": index}).values()
    np.testing.assert_array_equal(native.run(graph.ops[0], graph, index)[0], want)
    np.testing.assert_array_equal(want, reference.run(index)[0])
    beyond = np.array([[-5, 99, 2, 2, 2, 2]], np.int32)
    (ends,) = native.run(graph.ops[0], graph, beyond)
    np.testing.assert_array_equal(ends[0, :2], data[[0, 10]])


def text_model(folder: Path) -> Path:
    """Word numbers -> embedding -> mean -> dense -> the larger of two: a float model."""
    rng, file = np.random.default_rng(8), ModelFile()
    words = file.tensor("words", (1, 12), "int32")
    table = file.const("table", rng.normal(0, 1, (50, 8)).astype(np.float32))
    rows = file.tensor("rows", (1, 12, 8))
    file.op("GATHER", [table, words], [rows], schema.GatherOptionsT())
    axes = file.const("axes", np.array([1], np.int32))
    mean = file.tensor("mean", (1, 8))
    file.op("MEAN", [rows, axes], [mean], schema.ReducerOptionsT())
    w = file.const("w", rng.normal(0, 1, (2, 8)).astype(np.float32))
    b = file.const("b", np.zeros(2, np.float32))
    scores = file.tensor("scores", (1, 2))
    file.op("FULLY_CONNECTED", [mean, w, b], [scores], dense_options())
    best = file.tensor("best", (1,), "int32")
    axis = file.const("axis", np.array([1], np.int32))
    options = schema.ArgMaxOptionsT()
    options.outputType = schema.TensorType.INT32
    file.op("ARG_MAX", [scores, axis], [best], options)
    return file.write(folder / "text.tflite", [words], [scores, best])


def test_a_text_model(tmp_path: Path) -> None:
    """Whole numbers come in and go out: quantized, as C, and with the answers of the float one."""
    graph = simplify(read(text_model(tmp_path)))
    x = np.random.default_rng(9).integers(0, 50, (60, 12))
    ints = quantize(graph, x.astype(np.float32), load_recipe("default")).graph
    assert ints.tensor("words").params.bits == 32
    q = ints.tensor("words").params.quantize(x.astype(np.float64))
    np.testing.assert_array_equal(q, x)
    want = run_int(ints, {"words": q})
    write(emit(lower(ints, Target(load_board("cortex-m55")), "text")), tmp_path / "out")
    got = HostModel(tmp_path / "out").run(q)
    for name, y in zip(ints.outs, got, strict=True):
        np.testing.assert_array_equal(y, want[name])
    real = run_float(graph, {"words": x.astype(np.float32)})["best"]
    assert np.mean(real == want["best"]) > 0.9
    assert "const int32_t *text_output_1" in (tmp_path / "out/include/text.h").read_text()


def test_whole_numbers_in_arithmetic_are_refused(tmp_path: Path) -> None:
    model = single_op("ARG_MAX", [Value("x", (1, 9), 0.1, 3),
                                  Value("axis", (1,), data=np.array([1], np.int32))],
                      [Value("y", (1,), kind="int32")], schema.ArgMaxOptionsT())
    graph = graph_of(model, tmp_path)
    assert graph.tensor("y").params.bits == 32
    options = schema.CastOptionsT()
    options.inDataType = schema.TensorType.FLOAT32
    with pytest.raises(UnsupportedError, match="casts real numbers"):
        graph_of(single_op("CAST", [Value("x", (1, 9))], [Value("y", (1, 9), kind="int32")],
                           options), tmp_path)
