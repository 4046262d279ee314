"""LayerNorm and RMSNorm: near the real function, equal in C, found in what exporters write."""

from __future__ import annotations

import numpy as np
import pytest
from against import random_int8
from native import Native

from edgeq.errors import UnsupportedError
from edgeq.execute import run_float, run_int
from edgeq.fixedpoint import reciprocal_root
from edgeq.ir import Graph, QuantParams, Tensor
from edgeq.ops.base import Op, check_limits
from edgeq.ops.elementwise import Add, Mul, Sub
from edgeq.ops.function import Fn, Function
from edgeq.ops.layer_norm import LayerNorm
from edgeq.ops.reduce import Mean
from edgeq.passes import simplify
from edgeq.quant import quantize
from edgeq.recipe import Recipe

LENGTHS = [1, 2, 3, 16, 31, 64, 100, 384, 4097]


def norm_graph(rng: np.random.Generator, shape: tuple[int, ...], over: int, centered: bool,
               epsilon: float = 1e-5) -> Graph:
    """A float LayerNorm over the last `over` axes, with random factors and offsets."""
    inner = shape[len(shape) - over:]
    op = LayerNorm(name="norm", ins=("x", "gamma", "beta"), outs=("y",), epsilon=epsilon,
                   centered=centered)
    constants = {n: rng.normal(m, 0.5, inner).astype(np.float32)
                 for n, m in (("gamma", 1.0), ("beta", 0.0))}
    return Graph({"x": Tensor("x", shape), "y": Tensor("y", shape),
                  **{n: Tensor(n, inner, data) for n, data in constants.items()}},
                 (op,), ("x",), ("y",))


def quantized(graph: Graph, x: np.ndarray) -> Graph:
    return quantize(graph, x, Recipe(rollback=False)).graph


@pytest.mark.parametrize("centered", [True, False])
@pytest.mark.parametrize("c", LENGTHS)
def test_bytes_and_accuracy(native: Native, c: int, centered: bool) -> None:
    """C gives run_int's bytes; both are the rounded real function of the quantized input."""
    rng = np.random.default_rng([c, centered])
    for round_ in range(4):
        graph = norm_graph(rng, (1, 3, c), 1, centered)
        x = rng.normal(rng.uniform(-2, 2), np.exp(rng.uniform(-4, 4)), (8, 3, c))
        ints = quantized(graph, x.astype(np.float32))
        q_x, q_y = ints.tensor("x").params, ints.tensor("y").params
        q = q_x.quantize(x[:1]) if round_ % 2 else random_int8(rng, (1, 3, c))
        (got,) = run_int(ints, {"x": q}).values()
        np.testing.assert_array_equal(native.run(ints.ops[0], ints, q)[0], got)
        real = run_float(graph, {"x": q_x.dequantize(q)})["y"].astype(np.float64)
        assert np.abs(q_y.quantize(real).astype(int) - got).max() <= 1
        assert np.count_nonzero(q_y.quantize(real) != got) <= 1 + 0.05 * got.size


@pytest.mark.parametrize("scale", [1e-9, 1e-5, 1.0, 1e6])
@pytest.mark.parametrize("out_scale", [1e-9, 0.03, 1e6])
def test_extreme_scales(native: Native, scale: float, out_scale: float) -> None:
    """Also rows of equal values, whose variance is 0, with and without an epsilon."""
    rng = np.random.default_rng(2)
    for epsilon in (0.0, 1e-5, 1e3):
        graph = norm_graph(rng, (1, 4, 40), 1, True, epsilon)
        ints = quantized(graph, rng.normal(size=(8, 4, 40)).astype(np.float32))
        tensors = dict(ints.tensors)
        for name, s in (("x", scale), ("y", out_scale)):
            tensors[name] = Tensor(name, (1, 4, 40), None, QuantParams(
                np.array(s), np.array(int(rng.integers(-128, 128)))))
        ints = Graph(tensors, ints.ops, ints.ins, ints.outs)
        q = random_int8(rng, (1, 4, 40))
        q[0, 1] = -128
        q[0, 2, ::2], q[0, 2, 1::2] = -128, 127
        (got,) = run_int(ints, {"x": q}).values()
        np.testing.assert_array_equal(native.run(ints.ops[0], ints, q)[0], got)


def test_several_axes_and_a_batch(native: Native) -> None:
    rng = np.random.default_rng(4)
    graph = norm_graph(rng, (1, 2, 3, 5), 2, True)
    ints = quantized(graph, rng.normal(size=(8, 2, 3, 5)).astype(np.float32))
    batch = random_int8(rng, (3, 2, 3, 5))
    (got,) = run_int(ints, {"x": batch}).values()
    for one, want in zip(batch, got, strict=True):
        np.testing.assert_array_equal(native.run(ints.ops[0], ints, one[None])[0][0], want)


def test_reciprocal_root() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([np.arange(1, 5000), 2 ** rng.uniform(0, 62.9, 5000)]).astype(np.int64)
    root, e = reciprocal_root(x)
    assert root.min() >= 1 << 30
    real = root.astype(np.float64) * 2.0 ** (-46.0 - e)
    np.testing.assert_allclose(real * np.sqrt(x.astype(np.float64)), 1.0, atol=3e-7)


def test_limits() -> None:
    rng = np.random.default_rng(1)
    graph = norm_graph(rng, (1, 2, 3), 1, True)
    tensors = {**graph.tensors, "beta": Tensor("beta", (2,), np.zeros(2, np.float32))}
    with pytest.raises(UnsupportedError, match="last axes"):
        check_limits(graph.ops[0], Graph(tensors, graph.ops, graph.ins, graph.outs))
    with pytest.raises(UnsupportedError, match="32768"):
        check_limits(graph.ops[0], norm_graph(rng, (1, 1 << 15), 1, True))


# what exporters write


class Steps:
    """Operators one after the other on tensors whose shapes follow."""

    def __init__(self, *shape: int) -> None:
        self.tensors = {"x": Tensor("x", shape)}
        self.ops: list[Op] = []

    def const(self, name: str, data: np.ndarray | float) -> str:
        array = np.asarray(data, np.float32)
        self.tensors[name] = Tensor(name, array.shape, array)
        return name

    def add(self, cls: type[Op], *ins: str, **more: object) -> str:
        out = f"t{len(self.ops)}"
        op = cls(name=f"op{len(self.ops)}", ins=ins, outs=(out,), **more)
        self.tensors[out] = Tensor(out, op.shape(*(self.tensors[n].shape for n in ins))[0])
        self.ops.append(op)
        return out

    def fn(self, fn: Fn, x: str, a: float = 0.0) -> str:
        return self.add(Function, x, fn_of=fn, a=a)

    def mean(self, x: str) -> str:
        return self.add(Mean, x, axes=(len(self.tensors[x].shape) - 1,), keep_dims=True)

    def graph(self, out: str) -> Graph:
        return Graph(self.tensors, tuple(self.ops), ("x",), (out,))


def variance(s: Steps, d: str, squares: str) -> str:
    power = s.fn(Fn.POWER, d, 2.0) if squares == "pow" else s.add(Mul, d, d)
    return s.add(Add, s.mean(power), s.const("eps", 1e-5))


def inverse(s: Steps, v: str, root: str) -> str:
    if root == "rsqrt":
        return s.fn(Fn.POWER, v, -0.5)
    return s.fn(Fn.RECIPROCAL, s.fn(Fn.SQRT, v) if root == "sqrt" else s.fn(Fn.POWER, v, 0.5))


def affine(s: Steps, y: str) -> str:
    c = s.tensors["x"].shape[-1]
    y = s.add(Mul, y, s.const("gamma", np.linspace(0.5, 2, c)))
    return s.add(Add, y, s.const("beta", np.linspace(-1, 1, c)[None]))


def pytorch(s: Steps, squares: str, root: str) -> str:
    d = s.add(Sub, "x", s.mean("x"))
    return affine(s, s.add(Mul, d, inverse(s, variance(s, d, squares), root)))


def keras(s: Steps, squares: str, root: str) -> str:
    """The variance from a difference of its own, then x * k + (beta - mean * k)."""
    c, mean = s.tensors["x"].shape[-1], s.mean("x")
    inv = inverse(s, variance(s, s.add(Sub, "x", mean), squares), root)
    k = s.add(Mul, inv, s.const("gamma", np.linspace(0.5, 2, c)))
    offset = s.add(Sub, s.const("beta", np.linspace(-1, 1, c)), s.add(Mul, mean, k))
    return s.add(Add, s.add(Mul, "x", k), offset)


def rms(s: Steps, squares: str, root: str) -> str:
    y = s.add(Mul, "x", inverse(s, variance(s, "x", squares), root))
    return s.add(Mul, s.const("gamma", np.linspace(0.5, 2, s.tensors["x"].shape[-1])), y)


@pytest.mark.parametrize("form", [pytorch, keras, rms])
@pytest.mark.parametrize("squares", ["pow", "mul"])
@pytest.mark.parametrize("root", ["rsqrt", "sqrt", "pow"])
def test_written_out_forms_become_one_operator(form: object, squares: str, root: str) -> None:
    steps = Steps(1, 5, 12)
    graph = steps.graph(form(steps, squares, root))  # type: ignore[operator]
    fused = simplify(graph)
    (op,) = fused.ops
    assert isinstance(op, LayerNorm)
    assert op.centered == (form is not rms)
    assert op.epsilon == pytest.approx(1e-5)
    x = np.random.default_rng(3).normal(1, 2, (4, 5, 12)).astype(np.float32)
    (want,), (got,) = run_float(graph, {"x": x}).values(), run_float(fused, {"x": x}).values()
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("change", ["another mean", "other axes", "read twice"])
def test_what_is_no_normalization_stays(change: str) -> None:
    s = Steps(1, 5, 12)
    d = s.add(Sub, "x", s.mean("x"))
    if change == "other axes":
        power = s.add(Mean, s.fn(Fn.POWER, d, 2.0), axes=(1,), keep_dims=True)
        inv = s.fn(Fn.POWER, power, -0.5)
    else:
        inv = inverse(s, variance(s, d, "pow"), "rsqrt")
    base = s.add(Sub, "x", s.fn(Fn.ABS, s.mean("x"))) if change == "another mean" else d
    out = s.add(Mul, base, inv)
    if change == "read twice":
        out = s.add(Add, out, s.fn(Fn.EXP, s.add(Mul, inv, "x")))
    graph = s.graph(out)
    fused = simplify(graph)
    assert not any(isinstance(op, LayerNorm) for op in fused.ops)
    x = np.random.default_rng(3).normal(1, 2, (4, 5, 12)).astype(np.float32)
    (want,), (got,) = run_float(graph, {"x": x}).values(), run_float(fused, {"x": x}).values()
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
