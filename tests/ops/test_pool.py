"""AveragePool and MaxPool: windows at every border, big windows, the distance of overlap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from against import ACTS, check, check_float, params, random_int8, with_act
from ai_edge_litert import schema_py_generated as schema
from native import Native
from tflite_writer import Value

from edgeq.board import HOST, Target
from edgeq.ir import Graph, QuantParams, Tensor
from edgeq.ops.pool import AveragePool, MaxPool
from edgeq.plan import Call

KINDS = ("AVERAGE_POOL_2D", "MAX_POOL_2D")
# (in_h, in_w, c), (kh, kw), (stride_h, stride_w)
GEOMETRIES = [
    ((6, 6, 4), (2, 2), (2, 2)), ((7, 5, 3), (3, 3), (1, 1)), ((7, 5, 3), (3, 2), (2, 3)),
    ((5, 9, 13), (5, 9), (1, 1)), ((1, 8, 1), (1, 3), (1, 2)), ((25, 5, 64), (25, 5), (25, 5)),
    ((80, 80, 1), (80, 80), (1, 1)), ((4, 4, 9), (1, 1), (1, 1)), ((3, 3, 2), (5, 5), (1, 1)),
]


def options_of(kernel: tuple[int, int], stride: tuple[int, int], same: bool,
               act: int) -> schema.Pool2DOptionsT:
    o = schema.Pool2DOptionsT()
    o.filterHeight, o.filterWidth = kernel
    o.strideH, o.strideW = stride
    o.padding = schema.Padding.SAME if same else schema.Padding.VALID
    with_act(o, act)
    return o


def out_shape(shape: tuple[int, ...], kernel: tuple[int, int], stride: tuple[int, int],
              same: bool) -> tuple[int, ...]:
    h, w, c = shape
    sizes = [-(-(n if same else n - k + 1) // s)
             for n, k, s in zip((h, w), kernel, stride, strict=True)]
    return (1, *sizes, c)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize(("shape", "kernel", "stride"), GEOMETRIES)
def test_bytes(native: Native, tmp_path: Path, kind: str, same: bool, shape: tuple[int, ...],
               kernel: tuple[int, int], stride: tuple[int, int]) -> None:
    if not same and (kernel[0] > shape[0] or kernel[1] > shape[1]):
        pytest.skip("no window fits")
    rng = np.random.default_rng([*shape, *kernel])
    for act in ACTS:
        scale, zero = params(rng)
        x = Value("x", (1, *shape), scale, zero)
        y = Value("y", out_shape(shape, kernel, stride, same), scale, zero)
        check(native, tmp_path, rng, kind, (x,), (y,), options_of(kernel, stride, same, act))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("same", [False, True])
def test_float(tmp_path: Path, kind: str, same: bool) -> None:
    rng = np.random.default_rng(1)
    for shape, kernel, stride in GEOMETRIES[:4]:
        for act in ACTS:
            check_float(tmp_path, rng, kind, (Value("x", (1, *shape)),),
                        (Value("y", out_shape(shape, kernel, stride, same)),),
                        options_of(kernel, stride, same, act))


def pool_graph(op: AveragePool | MaxPool, shape: tuple[int, ...]) -> Graph:
    q = QuantParams(np.float64(0.1), np.int32(3))
    (out,) = op.shape(shape)
    return Graph({"x": Tensor("x", shape, q=q), "y": Tensor("y", out, q=q)}, (op,), ("x",), ("y",))


def run_sliding(native: Native, call: Call, x: np.ndarray, out_shape: tuple[int, ...],
                distance: int) -> np.ndarray:
    """The output of `call` when it lies `distance` bytes below its input in one buffer."""
    size = int(np.prod(out_shape))
    arena = np.zeros(distance + max(x.size, size) + 16, np.int8)
    arena[distance:distance + x.size] = x.reshape(-1)
    params = native.ffi.new(f"{call.struct} *", dict(call.fields))
    base = native.ffi.from_buffer("int8_t[]", arena)
    getattr(native.lib, call.func)(params, base + distance, base)
    return arena[:size].reshape(out_shape)


@pytest.mark.parametrize("kind", [AveragePool, MaxPool])
@pytest.mark.parametrize("pad", [((0, 0), (0, 0)), ((1, 1), (1, 0)), ((0, 1), (0, 1))])
def test_output_may_lie_below_its_dying_input(
        native: Native, kind: type[AveragePool] | type[MaxPool],
        pad: tuple[tuple[int, int], tuple[int, int]]) -> None:
    rng = np.random.default_rng(2)
    for (h, w, c), kernel, stride in GEOMETRIES[:4]:
        op = kind(name="pool", ins=("x",), outs=("y",), kernel=kernel, stride=stride, pad=pad)
        graph = pool_graph(op, (1, h, w, c))
        x = random_int8(rng, (1, h, w, c))
        (want,) = op.run_int(graph, x)
        (call,) = op.lower(graph, Target(HOST))
        assert call.overlap[0] is not None
        for distance in (call.overlap[0], call.overlap[0] + 1, call.overlap[0] + 5):
            got = run_sliding(native, call, x, want.shape, distance)
            np.testing.assert_array_equal(got, want)
