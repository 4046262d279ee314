"""Quotients of two activations: broadcast either way, divisors of 0, and what becomes one."""

from __future__ import annotations

import numpy as np
import pytest
from against import params, random_int8
from native import Native
from test_layer_norm import Steps

from edgeq.execute import run_float, run_int
from edgeq.ir import Graph, QuantParams, Tensor
from edgeq.ops.base import Act
from edgeq.ops.div import Div
from edgeq.ops.elementwise import Mul, Sub
from edgeq.ops.function import Fn, Function
from edgeq.ops.reduce import Sum
from edgeq.ops.softmax import Softmax
from edgeq.passes import simplify

SHAPES = [((1, 4, 6), (1, 4, 6)), ((1, 4, 6), (6,)), ((1, 4, 6), (1, 4, 1)), ((6,), (1, 4, 6)),
          ((1, 4, 1), (1, 4, 6)), ((1, 7), (1, 1))]


def div_graph(rng: np.random.Generator, a: tuple[int, ...], b: tuple[int, ...], act: Act,
              out_scale: float) -> Graph:
    op = Div(name="div", ins=("a", "b"), outs=("y",), act=act)
    tensors = {}
    for name, shape, (scale, zero) in (("a", a, params(rng)), ("b", b, params(rng)),
                                       ("y", op.shape(a, b)[0], (out_scale, 3))):
        tensors[name] = Tensor(name, shape, None, QuantParams(np.array(scale), np.array(zero)))
    return Graph(tensors, (op,), ("a", "b"), ("y",))


@pytest.mark.parametrize(("a", "b"), SHAPES)
@pytest.mark.parametrize("act", [Act.NONE, Act.RELU6])
def test_bytes(native: Native, a: tuple[int, ...], b: tuple[int, ...], act: Act) -> None:
    """C gives run_int's bytes, which are the rounded real quotients."""
    rng = np.random.default_rng([*a, *b])
    for out_scale in (1e-6, 0.01, 0.3, 1e5):
        graph = div_graph(rng, a, b, act, out_scale)
        xs = [random_int8(rng, s) for s in (a, b)]
        (want,) = run_int(graph, dict(zip("ab", xs, strict=True))).values()
        np.testing.assert_array_equal(native.run(graph.ops[0], graph, *xs)[0], want)
        reals = [graph.tensor(n).params.dequantize(x).astype(np.float64)
                 for n, x in zip("ab", xs, strict=True)]
        with np.errstate(all="ignore"):
            real = np.clip(reals[0] / reals[1], *act.bounds)
        best = graph.tensor("y").params.quantize(np.nan_to_num(real, posinf=1e9, neginf=-1e9))
        sound = np.broadcast_to(reals[1] != 0, want.shape)
        assert np.abs(best.astype(int) - want)[sound].max(initial=0) <= 1


@pytest.mark.parametrize("which", [0, 1])
def test_a_constant_operand(native: Native, which: int) -> None:
    rng = np.random.default_rng(which)
    for shape in ((6,), (1,)):
        graph = div_graph(rng, *(((1, 4, 6), shape)[::-1] if which == 0 else ((1, 4, 6), shape)),
                          Act.NONE, 0.1)
        name = "ab"[which]
        constant = graph.tensor(name)
        data = random_int8(rng, constant.shape)
        graph = Graph({**graph.tensors, name: Tensor(name, constant.shape, data, constant.q)},
                      graph.ops, ("ab"[1 - which],), ("y",))
        x = random_int8(rng, (1, 4, 6))
        (want,) = run_int(graph, {graph.ins[0]: x}).values()
        np.testing.assert_array_equal(native.run(graph.ops[0], graph, x)[0], want)


@pytest.mark.parametrize("form", ["plain", "less the maximum", "not the last axis"])
def test_exponentials_over_their_sum(form: str) -> None:
    s = Steps(1, 5, 12)
    x = "x"
    if form == "less the maximum":
        x = s.add(Sub, "x", s.fn(Fn.ABS, s.mean("x")))  # any value of the row will do
    power = s.fn(Fn.EXP, x)
    axis = 1 if form == "not the last axis" else 2
    total = s.add(Sum, power, axes=(axis,), keep_dims=True)
    graph = s.graph(s.add(Mul, power, s.fn(Fn.RECIPROCAL, total)))
    fused = simplify(graph)
    kinds = [type(op) for op in fused.ops]
    assert kinds == ([Function, Sum, Div] if axis == 1 else [Softmax])
    values = np.random.default_rng(3).normal(1, 2, (4, 5, 12)).astype(np.float32)
    (want,), (got,) = (run_float(g, {"x": values}).values() for g in (graph, fused))
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("fn", [(Fn.RECIPROCAL, 0.0), (Fn.POWER, -1.0), (Fn.POWER, -0.5)])
def test_products_with_reciprocals_divide(fn: tuple[Fn, float]) -> None:
    """The length of a row under its values: 8 bits would not hold its reciprocal."""
    s = Steps(1, 5, 12)
    total = s.add(Sum, s.fn(Fn.POWER, "x", 2.0), axes=(2,), keep_dims=True)
    graph = s.graph(s.add(Mul, s.fn(fn[0], total, fn[1]), "x"))
    fused = simplify(graph)
    assert isinstance(fused.ops[-1], Div)
    values = np.random.default_rng(3).normal(1, 2, (4, 5, 12)).astype(np.float32)
    (want,), (got,) = (run_float(g, {"x": values}).values() for g in (graph, fused))
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)
