"""Block-wise reconstruction and learned steps: their equations, their gains, their limits."""

from __future__ import annotations

import numpy as np
import pytest

from edgeq.execute import run_float
from edgeq.ir import Graph, Tensor
from edgeq.layers import is_mac
from edgeq.ops.base import Act
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.elementwise import Add
from edgeq.ops.pool import AveragePool
from edgeq.ops.reshape import Reshape
from edgeq.ops.softmax import Softmax
from edgeq.quant import quantize
from edgeq.quant.assign import assign
from edgeq.quant.observe import observe
from edgeq.quant.params import per_tensor
from edgeq.quant.reconstruct import Learning, learn_steps, reconstruct
from edgeq.quant.refit import refit, roots
from edgeq.quant.segments import blocks, learnable_tail
from edgeq.quant.simulate import reference, score, simulate
from edgeq.quant.student import Kind, Student
from edgeq.recipe import Recipe, Rounding

SAME = ((1, 1), (1, 1))
FAST = {Kind.ROUNDING: 0.02, Kind.BIAS: 0.01, Kind.WEIGHT: 5e-4, Kind.STEP: 2e-3, Kind.ZERO: 0.05}


def net(bits: int = 4, clip: float = 1.0) -> tuple[Graph, Graph, np.ndarray]:
    """Convolution, a residual block, pool, dense, softmax; its nearest integers.

    Activations are clipped to `clip` of their range.
    """
    rng = np.random.default_rng(0)
    t = {n: Tensor(n, s) for n, s in {
        "x": (1, 6, 6, 4), "a": (1, 6, 6, 8), "b": (1, 6, 6, 8), "c": (1, 6, 6, 8),
        "s": (1, 6, 6, 8), "p4": (1, 1, 1, 8), "m": (1, 8), "y": (1, 5), "p": (1, 5)}.items()}
    shapes = {"wa": (8, 3, 3, 4), "wb": (1, 3, 3, 8), "wc": (8, 1, 1, 8), "wy": (5, 8)}
    for n, s in shapes.items():
        t[n] = Tensor(n, s, rng.normal(0, 0.4, s).astype(np.float32))
        out = s[3] if n == "wb" else s[0]
        t[f"b{n}"] = Tensor(f"b{n}", (out,), rng.normal(0, 0.2, out).astype(np.float32))
    ops = (Conv2D(name="conv", ins=("x", "wa", "bwa"), outs=("a",), act=Act.RELU, pad=SAME),
           DepthwiseConv2D(name="dw", ins=("a", "wb", "bwb"), outs=("b",), act=Act.RELU6,
                           pad=SAME),
           Conv2D(name="pw", ins=("b", "wc", "bwc"), outs=("c",)),
           Add(name="add", ins=("a", "c"), outs=("s",), act=Act.RELU),
           AveragePool(name="pool", ins=("s",), outs=("p4",), kernel=(6, 6)),
           Reshape(name="flat", ins=("p4",), outs=("m",), to=(1, 8)),
           Dense(name="dense", ins=("m", "wy", "bwy"), outs=("y",)),
           Softmax(name="soft", ins=("y",), outs=("p",)))
    g = Graph(t, ops, ("x",), ("p",))
    x = rng.normal(0, 1, (240, 6, 6, 4)).astype(np.float32)
    hists = observe(g, (x,)).hists
    ranges = {n: (clip * h.low, clip * h.high) if n not in ("x", "y") else (h.low, h.high)
              for n, h in hists.items()}
    return g, assign(g, ranges, Recipe(weight_bits=bits)), x


def test_blocks_are_cut_where_one_tensor_goes_on() -> None:
    g, _, _ = net()
    assert [[op.name for op in b.ops] for b in blocks(g)] == [
        ["conv", "dw", "pw", "add"], ["pool", "flat", "dense"]]
    assert [b.outs for b in blocks(g)] == [("s",), ("y",)]
    tail = learnable_tail(g)
    assert tail is not None
    assert [op.name for op in tail.ops] == ["conv", "dw", "pw", "add", "pool", "flat", "dense"]


def test_a_student_without_learning_computes_the_integer_graph() -> None:
    g, ints, x = net()
    tail = learnable_tail(g)
    assert tail is not None
    student = Student(g, ints, tail, tuple(Kind))
    q = {"x": ints.tensor("x").params}
    start = np.asarray(q["x"].dequantize(q["x"].quantize(x)))
    got = student.forward({"x": start}, student.start).values["y"]
    np.testing.assert_array_equal(got, simulate(ints, {"x": start}, ["y"])["y"])
    same = student.finish(student.start)
    for op in g.ops:
        if is_mac(op):
            np.testing.assert_array_equal(same.const(op.ins[1]), ints.const(op.ins[1]))
            np.testing.assert_allclose(same.const(op.ins[2]), ints.const(op.ins[2]), atol=1)


def test_gradients_of_a_layer_follow_their_equations() -> None:
    """Of y = clip(round(x w / s) + z) s: straight through inside, equation 3 of LSQ for s."""
    op = Dense(name="d", ins=("x", "w", "b"), outs=("y",))
    rng = np.random.default_rng(1)
    w, b = rng.normal(0, 1, (3, 6)).astype(np.float32), np.zeros(3, np.float32)
    g = Graph({"x": Tensor("x", (1, 6)), "w": Tensor("w", w.shape, w), "b": Tensor("b", (3,), b),
               "y": Tensor("y", (1, 3))}, (op,), ("x",), ("y",))
    ints = assign(g, {"x": (-3.0, 3.0), "y": (-1.5, 2.0)}, Recipe(weight_bits=4))
    tail = learnable_tail(g)
    assert tail is not None
    student = Student(g, ints, tail, tuple(Kind))
    x = rng.normal(0, 1, (50, 6)).astype(np.float32)
    tape = student.forward({"x": x}, student.start)
    r = rng.normal(0, 1, (50, 3)).astype(np.float32)
    grads = student.backward(tape, {"y": r}, student.start)

    q_y, q_w = ints.tensor("y").params, ints.tensor("w").params
    s, z = float(q_y.scale), int(q_y.zero)
    real_w = q_w.dequantize(ints.const("w"))
    v = (x @ real_w.T + student.bias("b", student.start)) / s
    inside = (v > -128 - z - 0.5) & (v < 127 - z + 0.5)
    assert 0.05 < np.mean(~inside) < 0.6, "both cases are met"
    through = r * inside
    step = np.where(inside, np.rint(v) - v, np.clip(v, -128 - z, 127 - z)) * s
    assert grads[Kind.STEP, "y"] == pytest.approx(float((r * step).sum()), rel=1e-3)
    assert grads[Kind.ZERO, "y"] == pytest.approx(float(-s * (r * ~inside).sum()), rel=1e-3)
    np.testing.assert_allclose(grads[Kind.BIAS, "b"], through.sum(0) * s, rtol=1e-3, atol=1e-5)
    by_weight = through.T @ x
    np.testing.assert_allclose(grads[Kind.ROUNDING, "w"], by_weight * q_w.scale[:, None],
                               rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(grads[Kind.WEIGHT, "w"][:, 0], (by_weight * real_w).sum(1),
                               rtol=1e-3, atol=1e-4)


def mean_square(g: Graph, ints: Graph, x: np.ndarray) -> float:
    want = run_float(g, {"x": x}, keep=("y",))["y"]
    return float(np.square(simulate(ints, {"x": x}, ["y"])["y"] - want).mean())


def test_reconstruction_lowers_the_error_of_new_samples() -> None:
    g, ints, x = net()
    settings = Learning(iterations=150, batch=32, rates=FAST)
    after = reconstruct(g, ints, (x[:200],), settings, np.random.default_rng(0))
    assert mean_square(g, after, x[200:]) < 0.7 * mean_square(g, ints, x[200:])
    again = reconstruct(g, ints, (x[:200],), settings, np.random.default_rng(0))
    for op in g.ops:
        if is_mac(op):
            np.testing.assert_array_equal(after.const(op.ins[1]), again.const(op.ins[1]))


@pytest.mark.parametrize("rate", [1.0, 1e-9])
def test_no_block_ends_worse_than_it_began(rate: float) -> None:
    """With a rate that ruins everything, or does nothing, the start remains."""
    g, ints, x = net()
    settings = Learning(iterations=20, batch=32, rates=dict.fromkeys(Kind, rate))
    after = reconstruct(g, ints, (x,), settings, np.random.default_rng(0))
    for part in blocks(g):
        want = run_float(g, {"x": x}, keep=part.outs)
        for name in part.outs[:1]:
            errors = [float(np.square(simulate(i, {"x": x}, [name])[name] - want[name]).mean())
                      for i in (ints, after)]
            assert errors[1] <= errors[0] * (1 + 1e-6)
        break  # later blocks see the outputs of learned ones


def test_fisher_weights_do_not_harm() -> None:
    g, ints, x = net()
    settings = Learning(iterations=100, batch=32, fisher=True, rates=FAST)
    after = reconstruct(g, ints, (x[:200],), settings, np.random.default_rng(0))
    assert mean_square(g, after, x[200:]) < mean_square(g, ints, x[200:])


def test_learned_steps_find_back_from_bad_ranges() -> None:
    """Activations clipped to half of their range: steps grow again (a known optimum)."""
    g, ints, x = net(bits=8, clip=0.5)
    kinds = (Kind.STEP, Kind.ZERO, Kind.BIAS)
    settings = Learning(iterations=200, batch=32, kinds=kinds,
                        rates={Kind.STEP: 0.01, Kind.ZERO: 0.2, Kind.BIAS: 0.01})
    wanted = reference(g, (x[200:],))
    after = learn_steps(g, ints, (x[:200],), settings, np.random.default_rng(0))
    before, now = (score(i, (x[200:],), wanted).sqnr_db for i in (ints, after))
    assert now > before + 6, (before, now)
    assert float(after.tensor("a").params.scale) > 1.2 * float(ints.tensor("a").params.scale)


def test_refit_keeps_real_biases_and_shared_parameters() -> None:
    g, ints, _ = net(bits=8)
    assert roots(ints)["x"] is None
    assert roots(ints)["a"] == "a"
    old = ints.tensor("a").params
    moved = refit(g, ints, {"a": per_tensor(2 * float(old.scale), int(old.zero))}, {}, {})
    for name in ("bwb", "bwc"):
        before, after = ints.tensor(name), moved.tensor(name)
        real = [t.params.dequantize(t.data) for t in (before, after)]
        np.testing.assert_allclose(real[1], real[0], atol=float(after.params.scale.max()))
    assert float(moved.tensor("bwb").params.scale[0]) == pytest.approx(
        2 * float(ints.tensor("bwb").params.scale[0]))
    assert moved.tensor("b").params is ints.tensor("b").params


def test_layers_that_are_not_named_stay_as_they_are() -> None:
    g, ints, x = net()
    settings = Learning(iterations=20, batch=32, rates=FAST)
    after = reconstruct(g, ints, (x,), settings, np.random.default_rng(0), frozenset({"dense"}))
    for name in ("wa", "wb", "wc"):
        np.testing.assert_array_equal(after.const(name), ints.const(name))


def test_a_recipe_tries_both_and_reports_them() -> None:
    g, _, x = net()
    recipe = Recipe(weight_bits=4, rounding=Rounding.BLOCK, learn_steps=True)
    names = [s.name for s in quantize(g, x[:60], recipe).steps]
    assert names[-2:] == ["reconstruction, block by block", "learned steps and biases"]
