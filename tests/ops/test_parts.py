"""TFLite nodes that become several operators: the whole chain against LiteRT, on integers and C."""

from __future__ import annotations

from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from against import check_float, graph_of, random_int8
from ai_edge_litert import schema_py_generated as schema
from native import Native
from tflite_writer import Reference, Value, single_op

from edgeq.errors import UnsupportedError
from edgeq.execute import run_float, run_int

SHAPE = (1, 4, 6, 8)


def ints(name: str, *values: int) -> Value:
    return Value(name, (len(values),), data=np.array(values, np.int32))


def options(kind: type, **fields: object) -> object:
    made = kind()
    for name, value in fields.items():
        assert hasattr(made, name), name
        setattr(made, name, value)
    return made


def pads(*pairs: tuple[int, int]) -> Value:
    return Value("pads", (len(pairs), 2), data=np.array(pairs, np.int32))


REFLECT, SYMMETRIC = schema.MirrorPadMode.REFLECT, schema.MirrorPadMode.SYMMETRIC
CASES = [  # kind, further inputs, output shape, options
    ("DEPTH_TO_SPACE", (), (1, 8, 12, 2), options(schema.DepthToSpaceOptionsT, blockSize=2)),
    ("SPACE_TO_DEPTH", (), (1, 2, 3, 32), options(schema.SpaceToDepthOptionsT, blockSize=2)),
    *((kind, (ints("axes", *axes),), out, options(schema.ReducerOptionsT, keepDims=keep))
      for kind in ("REDUCE_MAX", "REDUCE_MIN")
      for axes, out, keep in (((1, 2), (1, 8), False), ((3,), (1, 4, 6, 1), True),
                              ((1, 3), (1, 6), False), ((-2,), (1, 4, 8), False))),
    *(("MIRROR_PAD", (pads((0, 0), (1, 2), (3, 0), (0, 1)),), (1, 7, 9, 9),
       options(schema.MirrorPadOptionsT, mode=mode)) for mode in (REFLECT, SYMMETRIC)),
    ("TILE", (ints("times", 1, 2, 1, 3),), (1, 8, 6, 24), schema.TileOptionsT()),
    *(("GATHER", (ints("at", *at),), (1, 4, len(at), 8), options(schema.GatherOptionsT, axis=2))
      for at in ((0, 1, 2), (5, 3, 1), (4, 4, 0, 1), (3,))),
]


@pytest.mark.parametrize(("kind", "rest", "out", "opts"), CASES)
def test_parts(native: Native, tmp_path: Path, kind: str, rest: tuple[Value, ...],
               out: tuple[int, ...], opts: object) -> None:
    rng = np.random.default_rng(1)
    model = single_op(kind, (Value("x", SHAPE, 0.1, 3), *rest), (Value("y", out, 0.1, 3),), opts)
    graph = graph_of(model, tmp_path)
    x = random_int8(rng, SHAPE)
    (want,) = Reference(model).run(x)
    (got,) = run_int(graph, {"x": x}).values()
    np.testing.assert_array_equal(got, want)
    values = {"x": x}
    for op in graph.ops:
        read = [values[n] for n in op.ins]
        values[op.outs[0]] = (read[0].reshape(graph.tensor(op.outs[0]).shape) if op.is_view
                              else native.run(op, graph, *read)[0])
    np.testing.assert_array_equal(values["y"], want)
    check_float(tmp_path, rng, kind, (Value("x", SHAPE), *rest), (Value("y", out),), opts)


UNARY = {"ABS": schema.AbsOptionsT, "CEIL": None, "COS": schema.CosOptionsT,
         "EXP": schema.ExpOptionsT, "FLOOR": None, "LOG": None, "NEG": schema.NegOptionsT,
         "ROUND": None, "RSQRT": None, "SIGN": schema.SignOptionsT, "SIN": None, "SQRT": None,
         "SQUARE": schema.SquareOptionsT}


@pytest.mark.parametrize("kind", UNARY)
def test_functions(tmp_path: Path, kind: str) -> None:
    made = UNARY[kind]
    model = single_op(kind, (Value("x", SHAPE),), (Value("y", SHAPE),),
                      None if made is None else made())
    graph = graph_of(model, tmp_path)
    x = np.random.default_rng(2).uniform(0.1, 4, SHAPE).astype(np.float32)
    x = x if kind in ("LOG", "RSQRT", "SQRT") else x - 2
    (want,) = Reference(model, kind not in ("CEIL", "ROUND", "SIGN")).run(x)
    (got,) = run_float(graph, {"x": x}).values()
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["REDUCE_MAX", "REDUCE_MIN", "MEAN", "SUM"])
@pytest.mark.parametrize(("axes", "keep"), [((0,), False), ((0, 2), True), ((0, 1, 2), False)])
def test_reduced_first_axis(tmp_path: Path, kind: str, axes: tuple[int, ...], keep: bool) -> None:
    """Of a file with something else in front, and of a batch of one."""
    for first in (3, 1):
        shape = (first, 4, 5)
        out = tuple(1 if i in axes else n for i, n in enumerate(shape) if keep or i not in axes)
        opts = options(schema.ReducerOptionsT, keepDims=keep)
        model = single_op(kind, (Value("x", shape, 0.1, 3), ints("axes", *axes)),
                          (Value("y", out, 0.1, 3),), opts)
        x = random_int8(np.random.default_rng(3), shape)
        (got,) = run_int(graph_of(model, tmp_path), {"x": x}).values()
        if kind == "SUM":  # LiteRT's is no oracle, see test_reduce.py
            total = (x.astype(np.int64) - 3).sum(axes, keepdims=keep)
            np.testing.assert_array_equal(got, np.clip(total + 3, -128, 127))
        else:
            np.testing.assert_array_equal(got, Reference(model).run(x)[0])


@pytest.mark.parametrize("other", [SHAPE, (8,), (1, 1, 1, 8)])
def test_squared_difference(tmp_path: Path, other: tuple[int, ...]) -> None:
    constant = np.random.default_rng(4).normal(0, 2, other).astype(np.float32)
    check_float(tmp_path, np.random.default_rng(5), "SQUARED_DIFFERENCE",
                (Value("x", SHAPE), Value("c", other, data=constant)), (Value("y", SHAPE),),
                schema.SquaredDifferenceOptionsT())


@pytest.mark.parametrize("fixed", ["divisor", "dividend", "neither"])
def test_division(tmp_path: Path, fixed: str) -> None:
    rng = np.random.default_rng(6)
    constant = rng.uniform(0.5, 2, SHAPE).astype(np.float32)
    a = Value("a", SHAPE, data=constant if fixed == "dividend" else None)
    b = Value("b", SHAPE, data=constant if fixed == "divisor" else None)
    model = single_op("DIV", (a, b), (Value("y", SHAPE),), schema.DivOptionsT())
    graph = graph_of(model, tmp_path)
    xs = [rng.uniform(0.5, 2, SHAPE).astype(np.float32) for _ in graph.ins]
    (want,) = Reference(model, reference=False).run(*xs)
    (got,) = run_float(graph, dict(zip(graph.ins, xs, strict=True))).values()
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_division_by_zero_is_refused(tmp_path: Path) -> None:
    zeros = Value("b", (8,), data=np.zeros(8, np.float32))
    model = single_op("DIV", (Value("a", SHAPE), zeros), (Value("y", SHAPE),),
                      schema.DivOptionsT())
    with pytest.raises(UnsupportedError, match="divides by 0"):
        graph_of(model, tmp_path)


@pytest.mark.parametrize(("kind", "out", "opts"), [
    ("PACK", (1, *SHAPE), options(schema.PackOptionsT, axis=0, valuesCount=1)),
    ("UNPACK", SHAPE[1:], options(schema.UnpackOptionsT, axis=0, num=1)),
])
def test_nothing_to_join_or_split(tmp_path: Path, kind: str, out: tuple[int, ...],
                                  opts: object) -> None:
    """Time-major layers put an axis of size 1 in front of the batch, and take it away."""
    model = single_op(kind, (Value("x", SHAPE),), (Value("y", out),), opts)
    x = np.random.default_rng(7).normal(size=SHAPE).astype(np.float32)
    (want,) = Reference(model).run(x)
    (got,) = run_float(graph_of(model, tmp_path), {"x": x}).values()
    np.testing.assert_array_equal(got.reshape(out), want)


@pytest.mark.parametrize(("side", "padding"), [(2, "SAME"), (3, "SAME"), (3, "VALID")])
def test_transposed_convolution_of_mediapipe(tmp_path: Path, side: int, padding: str) -> None:
    """The custom operator gives what the builtin one gives, and adds its bias."""
    rng = np.random.default_rng(8)
    rows = 8 if padding == "SAME" or side == 2 else 9
    out = (1, rows, rows + 4, 5)
    w = Value("w", (5, side, side, 3), data=rng.normal(size=(5, side, side, 3)).astype(np.float32))
    b = Value("b", (5,), data=rng.normal(size=5).astype(np.float32))
    x, y = Value("x", (1, 4, 6, 3)), Value("y", out)
    builtin = options(schema.TransposeConvOptionsT, strideH=2, strideW=2,
                      padding=getattr(schema.Padding, padding))
    values = rng.normal(size=x.shape).astype(np.float32)
    (want,) = Reference(single_op("TRANSPOSE_CONV", (ints("size", *out), w, x), (y,),
                                  builtin)).run(values)
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(single_op(
        "CONV_2D", (x, w, b), (y,)), 0))
    code, op = model.operatorCodes[0], model.subgraphs[0].operators[0]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = "Convolution2DTransposeBias"
    op.customOptions = np.frombuffer(
        np.array([1 if padding == "SAME" else 2, 2, 2], "<i4").tobytes(), np.uint8)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    (got,) = run_float(graph_of(bytes(builder.Output()), tmp_path), {"x": values}).values()
    np.testing.assert_allclose(got, want + b.data, rtol=1e-5, atol=1e-6)
