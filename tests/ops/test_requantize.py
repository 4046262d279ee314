"""Requantize between 8 and 16 bits: run_int, LiteRT's reference kernel and the portable C."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from native import Native
from tflite_writer import Reference, Value, single_op

from edgeq.board import HOST, Target
from edgeq.execute import run_int
from edgeq.ir import Graph, IntArray, QuantParams, Tensor, dtype_of
from edgeq.ops.requantize import Requantize
from edgeq.quant.params import per_tensor

WIDTHS = [(8, 16), (16, 8), (16, 16)]
SHAPE = (1, 5, 7)
OP = Requantize(name="q", ins=("x",), outs=("y",))


def graph_of(q_in: QuantParams, q_out: QuantParams) -> Graph:
    return Graph({"x": Tensor("x", SHAPE, q=q_in), "y": Tensor("y", SHAPE, q=q_out)},
                 (OP,), ("x",), ("y",))


def some(rng: np.random.Generator, q: QuantParams) -> IntArray:
    """Any integers of the width, the extremes among them."""
    x = rng.integers(q.qmin, q.qmax + 1, SHAPE)
    x.flat[:2] = q.qmin, q.qmax
    return x.astype(dtype_of(q.bits))


def any_params(rng: np.random.Generator, bits: int) -> QuantParams:
    scale = float(np.float32(10.0 ** rng.uniform(-5, 0)))
    return per_tensor(scale, int(rng.integers(-128, 128)) if bits == 8 else 0, bits)


@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize("seed", range(25))
def test_numpy_c_and_litert_agree(native: Native, widths: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    q_in, q_out = (any_params(rng, bits) for bits in widths)
    graph, x = graph_of(q_in, q_out), some(rng, q_in)
    want = run_int(graph, {"x": x})["y"]
    (got,) = native.run(OP, graph, x)
    np.testing.assert_array_equal(got, want)
    if q_in.scale / q_out.scale < 2**13:  # LiteRT overflows beyond, where all saturates
        values = [Value(n, SHAPE, float(q.scale), int(q.zero), kind=f"int{q.bits}")
                  for n, q in (("x", q_in), ("y", q_out))]
        model = single_op("QUANTIZE", values[:1], values[1:], schema.QuantizeOptionsT())
        np.testing.assert_array_equal(want, Reference(model).run(x)[0])


@pytest.mark.parametrize(("widths", "factor"), [((8, 16), 1e6), ((16, 8), 1e6), ((16, 16), 1e6)])
def test_huge_factors_saturate(native: Native, widths: tuple[int, int], factor: float) -> None:
    rng = np.random.default_rng(0)
    q_in, q_out = per_tensor(factor * 1e-3, 0, widths[0]), per_tensor(1e-3, 0, widths[1])
    graph, x = graph_of(q_in, q_out), some(rng, q_in)
    (got,) = native.run(OP, graph, x)
    np.testing.assert_array_equal(got, run_int(graph, {"x": x})["y"])
    np.testing.assert_array_equal(got, q_out.quantize(q_in.dequantize(x)))


@pytest.mark.parametrize("widths", WIDTHS)
def test_the_output_may_lie_where_the_generator_allows(native: Native,
                                                       widths: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    q_in, q_out = per_tensor(0.03, 0, widths[0]), per_tensor(0.01, 0, widths[1])
    graph, x = graph_of(q_in, q_out), some(rng, q_in)
    (call,) = OP.lower(graph, Target(HOST))
    (distance,) = call.overlap
    assert distance is not None
    want = run_int(graph, {"x": x})["y"]
    arena = np.zeros(distance + max(x.nbytes, want.nbytes), np.int8)
    arena[distance:distance + x.nbytes] = x.reshape(-1).view(np.int8)
    params = native.ffi.new(f"{call.struct} *", dict(call.fields))
    data = native.ffi.from_buffer("int8_t[]", arena)
    source = native.ffi.cast(f"const int{widths[0]}_t *", data + distance)
    out = native.ffi.cast(f"int{widths[1]}_t *", data)
    getattr(native.lib, call.func)(params, source, out)
    np.testing.assert_array_equal(arena[:want.nbytes].view(want.dtype), want.reshape(-1))
