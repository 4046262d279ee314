"""Nodes that choose, count or gather along axes: run_int, C and the float form against LiteRT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from against import check_float, graph_of, random_int8
from ai_edge_litert import schema_py_generated as schema
from native import Native
from numpy.typing import NDArray
from test_parts import ints, options
from tflite_writer import Reference, Value, single_op

from edgeq.errors import EdgeqError
from edgeq.execute import run_float, run_int
from edgeq.ir import Graph, QuantParams
from edgeq.quant import quantize
from edgeq.recipe import load_recipe

SHAPE = (1, 4, 6, 8)


def in_c(native: Native, graph: Graph, feeds: dict[str, NDArray[np.integer]]) -> None:
    """The C code of every operator gives what run_int gives."""
    want = run_int(graph, feeds, keep=graph.tensors)
    values = dict(feeds)
    for op in graph.ops:
        ins = [values[n] for n in op.ins if not graph.tensor(n).is_const]
        outs = ((ins[0].reshape(graph.tensor(op.outs[0]).shape),) if op.is_view
                else native.run(op, graph, *ins))
        for name, y in zip(op.outs, outs, strict=True):
            np.testing.assert_array_equal(y, want[name], f"{type(op).__name__} {name}")
            values[name] = y


def within_a_step(native: Native, folder: Path, kind: str, ins: tuple[Value, ...], out: Value,
                  opts: object, steps: float = 1.0) -> None:
    """A float model, quantized: LiteRT's values in float, one step (and C's bytes) in integers."""
    model = single_op(kind, ins, (out,), opts)
    graph, rng = graph_of(model, folder), np.random.default_rng(1)
    x = rng.normal(0, 2, graph.tensor("x").shape).astype(np.float32)
    (real,) = run_float(graph, {"x": x}).values()
    np.testing.assert_allclose(real, Reference(model, kind not in _OPTIMIZED).run(x)[0],
                               rtol=1e-5, atol=1e-5)
    integers = quantize(graph, x, load_recipe("fast")).graph
    q = integers.tensor("x").params.quantize(x)
    got = run_int(integers, {"x": q})[integers.outs[0]]
    params = integers.tensor(integers.outs[0]).params
    exact = run_float(graph, {"x": integers.tensor("x").params.dequantize(q)})[graph.outs[0]]
    off = np.abs(params.dequantize(got) - exact)
    # what leaves the range that was observed is limited to it
    low, high = (float(params.scale) * (v - int(params.zero)) for v in (-128, 127))
    off = np.where((exact >= low) & (exact <= high), off, 0)
    assert off.max() <= 1.001 * steps * float(params.scale)
    in_c(native, integers, {"x": q})


_OPTIMIZED = ("REDUCE_PROD", "CUMSUM", "L2_POOL_2D", "LOCAL_RESPONSE_NORMALIZATION", "FLOOR_MOD",
              "FLOOR_DIV", "POW", "RELU_0_TO_1", "BROADCAST_TO")


@pytest.mark.parametrize("c", [2, 10, 300])
def test_log_softmax(native: Native, tmp_path: Path, c: int) -> None:
    shape = (1, 3, c)
    within_a_step(native, tmp_path, "LOG_SOFTMAX", (Value("x", shape),), Value("y", shape),
                  schema.LogSoftmaxOptionsT())


@pytest.mark.parametrize("scale", [1e-3, 0.05, 1.0, 30.0])
def test_log_softmax_of_quantized_files(native: Native, tmp_path: Path, scale: float) -> None:
    """LiteRT computes with floats: one step apart at most."""
    model = single_op("LOG_SOFTMAX", (Value("x", (5, 40), scale, 3),),
                      (Value("y", (5, 40), 16 / 256, 127),), schema.LogSoftmaxOptionsT())
    graph, x = graph_of(model, tmp_path), random_int8(np.random.default_rng(2), (5, 40))
    (got,) = run_int(graph, {"x": x}).values()
    want = Reference(model).run(x)[0]
    assert np.abs(got.astype(int) - want).max() <= 1
    in_c(native, graph, {"x": x})


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
@pytest.mark.parametrize(("exclusive", "reverse"), [(False, False), (True, False), (False, True),
                                                    (True, True)])
def test_running_sums(native: Native, tmp_path: Path, axis: int, exclusive: bool,
                      reverse: bool) -> None:
    opts = options(schema.CumsumOptionsT, exclusive=exclusive, reverse=reverse)
    shape = (1, 5, 7) if axis else (6, 5)
    place = Value("axis", (1,), data=np.array([axis], np.int32))
    within_a_step(native, tmp_path, "CUMSUM", (Value("x", shape), place), Value("y", shape), opts)


@pytest.mark.parametrize("k", [1, 3, 9])
def test_top_k(native: Native, tmp_path: Path, k: int) -> None:
    """Values and indices in order; few values, so that equal ones are common."""
    model = single_op("TOPK_V2", (Value("x", (1, 4, 9), 0.1, 3),
                                  Value("k", (), data=np.array(k, np.int32))),
                      (Value("v", (1, 4, k), 0.1, 3), Value("i", (1, 4, k), kind="int32")),
                      schema.TopKV2OptionsT())
    graph, rng = graph_of(model, tmp_path), np.random.default_rng(k)
    for low in (-2, -128):
        x = rng.integers(low, -low, (1, 4, 9)).astype(np.int8)
        got = run_int(graph, {"x": x})
        for name, want in zip(("v", "i"), Reference(model).run(x), strict=True):
            np.testing.assert_array_equal(got[name], want)
        in_c(native, graph, {"x": x})


@pytest.mark.parametrize(("axis", "out"), [(-1, (1, 4, 5)), (1, (1, 5, 4)), (0, (5, 1, 4))])
@pytest.mark.parametrize(("on", "off"), [(1.0, 0.0), (2.5, -1.0)])
def test_one_hot(native: Native, tmp_path: Path, axis: int, out: tuple[int, ...], on: float,
                 off: float) -> None:
    """Indices outside give no 1 at all."""
    values = [Value(name, (), data=np.array(v, np.float32)) for name, v in (("on", on),
                                                                           ("off", off))]
    model = single_op("ONE_HOT", (Value("x", (1, 4), kind="int32"),
                                  Value("depth", (), data=np.array(5, np.int32)), *values),
                      (Value("y", out),), options(schema.OneHotOptionsT, axis=axis))
    graph, x = graph_of(model, tmp_path), np.array([[0, 4, 7, -1]], np.int32)
    (got,) = run_float(graph, {"x": x.astype(np.float32)}).values()
    np.testing.assert_allclose(got, Reference(model).run(x)[0])
    integers = quantize(graph, np.array([[0, 4, 2, 1]], np.float32), load_recipe("fast")).graph
    real = integers.tensor("y").params.dequantize(run_int(integers, {"x": x})["y"])
    np.testing.assert_allclose(real, got, atol=1.001 * float(integers.tensor("y").params.scale))
    in_c(native, integers, {"x": x})


@pytest.mark.parametrize(("axis", "batch", "places", "out"), [
    (1, 0, (1, 3), (1, 1, 3, 6, 8)), (2, 0, (3,), (1, 4, 3, 8)), (3, 0, (2, 2), (1, 4, 6, 2, 2)),
    (1, 1, (1, 3), (1, 3, 6, 8))])
def test_gather_at_run_time(native: Native, tmp_path: Path, axis: int, batch: int,
                            places: tuple[int, ...], out: tuple[int, ...]) -> None:
    """Table and indices are both inputs of the model."""
    model = single_op("GATHER", (Value("x", SHAPE, 0.1, 3), Value("i", places, kind="int32")),
                      (Value("y", out, 0.1, 3),),
                      options(schema.GatherOptionsT, axis=axis, batchDims=batch))
    graph, rng = graph_of(model, tmp_path), np.random.default_rng(3)
    x = random_int8(rng, SHAPE)
    index = rng.integers(0, SHAPE[axis], places).astype(np.int32)
    (got,) = run_int(graph, {"x": x, "i": index}).values()
    np.testing.assert_array_equal(got, Reference(model).run(x, index)[0])
    in_c(native, graph, {"x": x, "i": index})


@pytest.mark.parametrize(("places", "out"), [
    (((0, 1), (0, 3), (0, 0)), (3, 6, 8)), (((0, 1, 5, 7), (0, 3, 0, 2)), (2,)),
    (((0,), (0,)), (2, 4, 6, 8))])
def test_gather_nd(native: Native, tmp_path: Path, places: tuple[tuple[int, ...], ...],
                   out: tuple[int, ...]) -> None:
    at = np.array(places, np.int32)
    model = single_op("GATHER_ND", (Value("x", SHAPE, 0.1, 3), Value("i", at.shape, data=at)),
                      (Value("y", out, 0.1, 3),), schema.GatherNdOptionsT())
    graph, x = graph_of(model, tmp_path), random_int8(np.random.default_rng(4), SHAPE)
    (got,) = run_int(graph, {"x": x}).values()
    np.testing.assert_array_equal(got, Reference(model).run(x)[0])
    in_c(native, graph, {"x": x})


@pytest.mark.parametrize(("kind", "rest", "out", "opts"), [
    ("REVERSE_V2", (ints("axes", 2),), SHAPE, schema.ReverseV2OptionsT()),
    ("BROADCAST_TO", (ints("shape", 3, 4, 6, 8),), (3, 4, 6, 8), schema.BroadcastToOptionsT())])
def test_moved_values(native: Native, tmp_path: Path, kind: str, rest: tuple[Value, ...],
                      out: tuple[int, ...], opts: object) -> None:
    model = single_op(kind, (Value("x", SHAPE, 0.1, 3), *rest), (Value("y", out, 0.1, 3),), opts)
    graph, x = graph_of(model, tmp_path), random_int8(np.random.default_rng(5), SHAPE)
    (got,) = run_int(graph, {"x": x}).values()
    np.testing.assert_array_equal(got, Reference(model).run(x)[0])
    in_c(native, graph, {"x": x})


@pytest.mark.parametrize(("axes", "keep", "out"), [((1,), False, (1, 5)), ((2,), True, (1, 7, 1)),
                                                   ((1, 2), False, (1,))])
@pytest.mark.parametrize("kind", ["REDUCE_ANY", "REDUCE_ALL"])
def test_logical_reductions(tmp_path: Path, kind: str, axes: tuple[int, ...], keep: bool,
                            out: tuple[int, ...]) -> None:
    opts = options(schema.ReducerOptionsT, keepDims=keep)
    model = single_op(kind, (Value("x", (1, 7, 5), kind="bool"), ints("axes", *axes)),
                      (Value("y", out, kind="bool"),), opts)
    graph, rng = graph_of(model, tmp_path), np.random.default_rng(6)
    for share in (0.1, 0.9):
        x = rng.random((1, 7, 5)) < share
        (got,) = run_float(graph, {"x": x.astype(np.float32)}).values()
        np.testing.assert_array_equal(got, Reference(model).run(x)[0])


@pytest.mark.parametrize(("axes", "out"), [((1,), (1, 3)), ((1, 2), (1,))])
def test_products(tmp_path: Path, axes: tuple[int, ...], out: tuple[int, ...]) -> None:
    check_float(tmp_path, np.random.default_rng(7), "REDUCE_PROD",
                (Value("x", (1, 5, 3)), ints("axes", *axes)), (Value("y", out),),
                schema.ReducerOptionsT())


def scalar(value: float) -> Value:
    return Value("c", (), data=np.array(value, np.float32))


POOL = options(schema.Pool2DOptionsT, filterHeight=2, filterWidth=3, strideH=2, strideW=1,
               padding=schema.Padding.SAME)
NORM = options(schema.LocalResponseNormalizationOptionsT, radius=2, bias=1.0, alpha=0.3, beta=0.5)


@pytest.mark.parametrize(("kind", "rest", "out", "opts"), [
    ("FLOOR_DIV", (scalar(0.7),), SHAPE, schema.FloorDivOptionsT()),
    ("FLOOR_MOD", (scalar(0.7),), SHAPE, schema.FloorModOptionsT()),
    ("POW", (scalar(3.0),), SHAPE, schema.PowOptionsT()),
    ("RELU_0_TO_1", (), SHAPE, None),
    ("L2_POOL_2D", (), (1, 2, 6, 8), POOL)])
def test_written_as_others(tmp_path: Path, kind: str, rest: tuple[Value, ...],
                           out: tuple[int, ...], opts: object) -> None:
    check_float(tmp_path, np.random.default_rng(8), kind, (Value("x", SHAPE), *rest),
                (Value("y", out),), opts)


def test_response_norm(tmp_path: Path) -> None:
    """As TensorFlow: 2 * radius + 1 channels; LiteRT's reference kernel leaves the last one out."""
    model = single_op("LOCAL_RESPONSE_NORMALIZATION", (Value("x", SHAPE),), (Value("y", SHAPE),),
                      NORM)
    x = np.random.default_rng(8).normal(0, 2, SHAPE).astype(np.float32)
    (got,) = run_float(graph_of(model, tmp_path), {"x": x}).values()
    np.testing.assert_allclose(got, Reference(model, reference=False).run(x)[0], rtol=1e-4)


@pytest.mark.parametrize(("kernel", "stride", "pad"), [
    ((2, 2), (2, 2), ((0, 0), (0, 0))), ((3, 2), (2, 2), ((1, 1), (0, 1))),
    ((3, 3), (1, 2), ((0, 0), (1, 1)))])
def test_places_of_maxima(native: Native, kernel: tuple[int, int], stride: tuple[int, int],
                          pad: tuple[tuple[int, int], tuple[int, int]]) -> None:
    """What lies at the places is what pooling gives, and unpooling puts it back there."""
    from edgeq.ir import Tensor
    from edgeq.ops.max_unpool import MaxPlace, MaxUnpool
    from edgeq.ops.pool import MaxPool

    q = QuantParams(np.asarray(0.1), np.asarray(-3, np.int32))
    whole = QuantParams(np.asarray(1.0), np.asarray(0, np.int32))
    pool = MaxPool(name="m", ins=("x",), outs=("v",), kernel=kernel, stride=stride, pad=pad)
    place = MaxPlace(name="p", ins=("x",), outs=("i",), kernel=kernel, stride=stride, pad=pad)
    (small,) = pool.shape((1, 7, 6, 3))
    back = MaxUnpool(name="u", ins=("v", "i"), outs=("y",), size=(7, 6), columns=kernel[1],
                     stride=stride, top=pad[0][0], left=pad[1][0])
    tensors = {n: Tensor(n, s, None, p) for n, s, p in (
        ("x", (1, 7, 6, 3), q), ("v", small, q), ("i", small, whole), ("y", (1, 7, 6, 3), q))}
    graph = Graph(tensors, (pool, place, back), ("x",), ("y", "i"))
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x = rng.integers(-128, -120 if seed % 2 else 128, (1, 7, 6, 3)).astype(np.int8)
        values = run_int(graph, {"x": x}, keep=graph.tensors)
        in_c(native, graph, {"x": x})
        put = values["y"] != -3
        np.testing.assert_array_equal(values["y"][put], x[put])
        assert set(values["v"].reshape(-1).tolist()) - {-3} <= set(x.reshape(-1).tolist())
        real = run_float(graph, {"x": q.dequantize(x)}, keep=graph.tensors)
        np.testing.assert_array_equal(real["i"], values["i"])
        np.testing.assert_allclose(real["y"], q.dequantize(values["y"]), atol=1e-6)


def test_mediapipe_pools(tmp_path: Path) -> None:
    """Options are TfLitePoolParams; LiteRT has no kernels for them, the way back is compared."""
    options_of = np.array([1, 2, 2, 2, 2, 0, -1, -1], "<i4").tobytes()
    places = single_op("CUSTOM MaxPoolingWithArgmax2D", (Value("x", (1, 4, 6, 2)),),
                       (Value("v", (1, 2, 3, 2)), Value("i", (1, 2, 3, 2))), custom=options_of)
    back = single_op("CUSTOM MaxUnpooling2D", (Value("v", (1, 2, 3, 2)), Value("i", (1, 2, 3, 2))),
                     (Value("y", (1, 4, 6, 2)),), custom=options_of)
    x = np.random.default_rng(9).normal(0, 1, (1, 4, 6, 2)).astype(np.float32)
    found = run_float(graph_of(places, tmp_path), {"x": x})
    windows = x.reshape(1, 2, 2, 3, 2, 2).transpose(0, 1, 3, 2, 4, 5).reshape(1, 2, 3, 4, 2)
    np.testing.assert_array_equal(found["v"], windows.max(3))
    np.testing.assert_array_equal(found["i"], windows.argmax(3))
    (y,) = run_float(graph_of(back, tmp_path), found).values()
    full = np.repeat(np.repeat(found["v"], 2, 1), 2, 2)
    np.testing.assert_array_equal(y, np.where(x == full, x, 0))
    with pytest.raises(EdgeqError, match="options"):
        graph_of(single_op("CUSTOM MaxUnpooling2D", (Value("v", (1, 2, 3, 2)),
                                                      Value("i", (1, 2, 3, 2))),
                           (Value("y", (1, 4, 6, 2)),), custom=options_of[:8]), tmp_path)
