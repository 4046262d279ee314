"""Functions, choices, products and joins of 16-bit activations: run_int, C and LiteRT agree.

Where LiteRT has no such kernel of 16 bits, run_int is held against real numbers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from micro import Micro
from native import Native
from test_wide import plain, scale_of, words
from tflite_writer import Reference, Value, single_op

from edgeq.execute import run_float, run_int
from edgeq.ir import Graph
from edgeq.ops.activations import Elu, Gelu, HardSwish
from edgeq.ops.concat import Concat
from edgeq.ops.function import Fn, Function
from edgeq.ops.lut import Unary
from edgeq.ops.matmul import MatMul, plain_axes
from edgeq.ops.minmax import MinMax
from edgeq.ops.prelu import PRelu
from edgeq.ops.resize import ResizeBilinear
from edgeq.readers import read

EVERY = np.arange(-32768, 32768, dtype=np.int16)[None]


def one(kind: type[Unary], **fields: object) -> Unary:
    return kind(name="f", ins=("x",), outs=("y",), **fields)


# the input's steps, the output's, how many of these the lines may be off
FUNCTIONS: dict[str, tuple[Unary, float, float, int]] = {
    "hard_swish": (one(HardSwish), 2e-4, 2e-4, 17), "elu": (one(Elu), 1e-4, 1e-4, 3),
    "gelu": (one(Gelu), 1e-4, 1e-4, 2), "gelu_tanh": (one(Gelu, approximate=True), 1e-4, 1e-4, 2),
    "exp": (one(Function, fn_of=Fn.EXP), 1e-4, 8.1e-4, 5),
    "square": (one(Function, fn_of=Fn.POWER, a=2.0), 1e-4, 3.3e-4, 3),
    "sin": (one(Function, fn_of=Fn.SIN), 1e-4, 3.1e-5, 5),
    "softplus": (one(Function, fn_of=Fn.SOFTPLUS), 1e-4, 1.1e-4, 2),
}


def c_equals_numpy(native: Native, graph: Graph, *xs: np.ndarray) -> np.ndarray:
    """What run_int gives, which C must give too."""
    (op,) = graph.ops
    (want,) = run_int(graph, dict(zip(graph.ins, xs, strict=True))).values()
    (got,) = native.run(op, graph, *xs)
    np.testing.assert_array_equal(got, want)
    return want


def against_reals(graph: Graph, got: np.ndarray, *xs: np.ndarray) -> float:
    """The largest difference from the float operator, in steps of the output."""
    reals = {n: graph.tensor(n).params.dequantize(x) for n, x in zip(graph.ins, xs, strict=True)}
    (want,) = run_float(graph, reals).values()
    q = graph.tensor(graph.outs[0]).params
    best = np.clip(np.nan_to_num(want.astype(np.float64)) / float(q.scale), q.qmin, q.qmax)
    return float(np.abs(got - best).max())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(native: Native, native_ubsan: Native, name: str) -> None:
    op, scale_in, scale_out, most = FUNCTIONS[name]
    graph = plain(op, (EVERY.shape,), (scale_in, scale_out))
    got = c_equals_numpy(native, graph, EVERY)
    c_equals_numpy(native_ubsan, graph, EVERY)
    assert against_reals(graph, got, EVERY) <= most


@pytest.mark.parametrize("fn", [Fn.LOG, Fn.SQRT, Fn.RECIPROCAL, Fn.TAN])
def test_poles_stay_in_range(native: Native, fn: Fn) -> None:
    """Near where the function ends or is infinite the table saturates."""
    c_equals_numpy(native, plain(one(Function, fn_of=fn), (EVERY.shape,), (1e-4, 1e-3)), EVERY)


@pytest.mark.parametrize("scales", [(1.5e-4, 3e-3), (3e-5, 1e-4), (2e-4, 2e-4)])
@pytest.mark.parametrize("kind", ["EXP", "GELU"])
def test_functions_of_litert(tmp_path: Path, kind: str, scales: tuple[float, float]) -> None:
    options = schema.GeluOptionsT() if kind == "GELU" else schema.ExpOptionsT()
    x, y = (Value(n, EVERY.shape, s, kind="int16") for n, s in zip("xy", scales, strict=True))
    model = single_op(kind, [x], [y], options)
    (tmp_path / "one.tflite").write_bytes(model)
    got = run_int(read(tmp_path / "one.tflite"), {"x": EVERY})["y"]
    np.testing.assert_array_equal(got, Reference(model).run(EVERY)[0])


def test_functions_that_jump_keep_8_bits() -> None:
    graph = plain(one(Function, fn_of=Fn.EXP), ((1, 4),), (1e-4, 1e-4))
    assert graph.ops[0].takes_wide(graph)
    assert not one(Function, fn_of=Fn.FLOOR).takes_wide(graph)


BROADCASTS = [((1, 4, 6), (1, 4, 6)), ((1, 4, 6), (6,)), ((1, 4, 6), (1, 4, 1)), ((1, 5), (1,))]


@pytest.mark.parametrize(("a", "b"), BROADCASTS)
@pytest.mark.parametrize("is_max", [False, True])
def test_min_max(native: Native, native_ubsan: Native, a: tuple[int, ...], b: tuple[int, ...],
                 is_max: bool) -> None:
    rng = np.random.default_rng([*a, *b])
    op = MinMax(name="m", ins=("a", "b"), outs=("y",), is_max=is_max)
    for scales in ((1e-4, 1e-4, 1e-4), (1e-4, 3e-4, 2e-4), (1e-6, 2e-4, 1e-4), (1e-3, 1e-7, 1e-4)):
        graph, xs = plain(op, (a, b), scales), (words(rng, a), words(rng, b))
        got = c_equals_numpy(native, graph, *xs)
        c_equals_numpy(native_ubsan, graph, *xs)
        assert against_reals(graph, got, *xs) <= 0.51


@pytest.mark.parametrize("kind", ["MAXIMUM", "MINIMUM"])
def test_min_max_of_litert(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(1)
    a, b, y = (Value(n, (1, 5, 7), 1e-4, kind="int16") for n in "aby")
    model = single_op(kind, [a, b], [y], schema.MaximumMinimumOptionsT())
    (tmp_path / "one.tflite").write_bytes(model)
    xs = [words(rng, (1, 5, 7)) for _ in range(2)]
    got = run_int(read(tmp_path / "one.tflite"), dict(zip("ab", xs, strict=True)))["y"]
    np.testing.assert_array_equal(got, Reference(model).run(*xs)[0])


@pytest.mark.parametrize(("a", "b"), BROADCASTS)
def test_prelu(native: Native, native_ubsan: Native, a: tuple[int, ...],
               b: tuple[int, ...]) -> None:
    rng = np.random.default_rng([*a, *b])
    op = PRelu(name="p", ins=("a", "b"), outs=("y",))
    for scales in ((1e-4, 1e-5, 1e-4), (1e-4, 3e-5, 4e-5), (1e-3, 1e-3, 1e-5)):
        graph, xs = plain(op, (a, b), scales), (words(rng, a), words(rng, b))
        got = c_equals_numpy(native, graph, *xs)
        c_equals_numpy(native_ubsan, graph, *xs)
        assert against_reals(graph, got, *xs) <= 1.01


@pytest.mark.parametrize("size", [(9, 5), (14, 12), (3, 2)])
@pytest.mark.parametrize("way", [(False, False), (True, False), (False, True)])
def test_bilinear(native: Native, size: tuple[int, int], way: tuple[bool, bool]) -> None:
    rng = np.random.default_rng(size)
    op = ResizeBilinear(name="r", ins=("x",), outs=("y",), size=size, align_corners=way[0],
                        half_pixel=way[1])
    graph = plain(op, ((1, 7, 6, 3),), (1e-4, 1e-4))
    options = schema.ResizeBilinearOptionsT()
    options.alignCorners, options.halfPixelCenters = way
    x = Value("x", (1, 7, 6, 3), 1e-4, kind="int16")
    model = single_op("RESIZE_BILINEAR", [x, Value("s", (2,), data=np.array(size, np.int32))],
                      [Value("y", (1, *size, 3), 1e-4, kind="int16")], options)
    q = words(rng, (1, 7, 6, 3))
    np.testing.assert_array_equal(c_equals_numpy(native, graph, q), Reference(model).run(q)[0])


@pytest.mark.parametrize("seed", range(6))
def test_products(native: Native, seed: int) -> None:
    """As TensorFlow Lite Micro computes them; b by columns or by rows."""
    rng = np.random.default_rng(seed)
    turned, (n, rows, k, cols) = bool(seed % 2), (2, 3, (1, 9, 300)[seed % 3], 5)
    op = MatMul(name="m", ins=("a", "b"), outs=("y",), a_axes=plain_axes(4),
                b_axes=plain_axes(4, turned), y_axes=plain_axes(4))
    shapes = ((1, n, rows, k), (1, n, *((cols, k) if turned else (k, cols))))
    sa, sb = scale_of(rng), scale_of(rng)
    scales = (sa, sb, sa * sb * 9000 * float(np.sqrt(k)))
    graph, xs = plain(op, shapes, scales), tuple(words(rng, s) for s in shapes)
    got = c_equals_numpy(native, graph, *xs)
    options = schema.BatchMatMulOptionsT()
    options.adjY = turned
    values = [Value(m, graph.tensor(m).shape, float(graph.tensor(m).params.scale), kind="int16")
              for m in "aby"]
    np.testing.assert_array_equal(
        got, Micro(single_op("BATCH_MATMUL", values[:2], values[2:], options)).run(*xs)[0])


def test_joined_parts_take_other_steps(native: Native, native_ubsan: Native) -> None:
    rng = np.random.default_rng(3)
    op = Concat(name="c", ins=("a", "b", "d"), outs=("y",), axis=2)
    shapes = ((1, 4, 5, 2), (1, 4, 1, 2), (1, 4, 3, 2))
    graph = plain(op, shapes, (1e-4, 3e-4, 1e-7, 1e-4))
    xs = tuple(words(rng, s) for s in shapes)
    got = run_int(graph, dict(zip(graph.ins, xs, strict=True)))["y"]
    for library in (native, native_ubsan):
        np.testing.assert_array_equal(library.run(op, graph, *xs)[0], got)
    np.testing.assert_array_equal(got[:, :, :5], xs[0])
    assert against_reals(graph, got, *xs) <= 0.51
