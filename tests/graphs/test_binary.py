"""Networks of signs and weights of two or three values: stored in 1 or 2 bits, computed exactly."""

from __future__ import annotations

import numpy as np
import pytest
from native import Native

from edgeq.board import HOST, Target
from edgeq.execute import run_float, run_int
from edgeq.ir import Graph, Tensor
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.elementwise import Add
from edgeq.ops.function import Fn, Function
from edgeq.ops.reshape import Reshape
from edgeq.passes.fuse_functions import fuse_functions
from edgeq.quant import quantize
from edgeq.recipe import load_recipe

SAME = ((1, 1), (1, 1))


def network(rng: np.random.Generator) -> Graph:
    """A real convolution, then signs, a binary convolution (its batch norm folded), a ternary
    dense layer."""
    scale = rng.uniform(0.1, 2, (32, 1, 1, 1))
    consts = {
        "w0": rng.normal(0, 1, (32, 3, 3, 3)), "b0": rng.normal(0, 1, 32),
        "w1": rng.choice([-1, 1], (32, 3, 3, 32)) * scale, "b1": rng.normal(0, 3, 32),
        "w2": rng.integers(-1, 2, (10, 1152)) * rng.uniform(0.1, 2, (10, 1)),
        "b2": rng.normal(0, 1, 10),
    }
    ops = (
        Conv2D(name="c0", ins=("x", "w0", "b0"), outs=("a0",), pad=SAME),
        Function(name="s0", ins=("a0",), outs=("s0",), fn_of=Fn.SIGN),
        Conv2D(name="c1", ins=("s0", "w1", "b1"), outs=("a1",), pad=SAME),
        Function(name="s1", ins=("a1",), outs=("s1",), fn_of=Fn.SIGN),
        Reshape(name="r", ins=("s1",), outs=("r",), to=(1, 1152)),
        Dense(name="d", ins=("r", "w2", "b2"), outs=("y",)),
    )
    shapes: dict[str, tuple[int, ...]] = {
        "x": (1, 6, 6, 3), **dict.fromkeys(("a0", "s0", "a1", "s1"), (1, 6, 6, 32)),
        "r": (1, 1152), "y": (1, 10)}
    tensors = {n: Tensor(n, s) for n, s in shapes.items()}
    tensors |= {n: Tensor(n, v.shape, v.astype(np.float32)) for n, v in consts.items()}
    return Graph(tensors, ops, ("x",), ("y",))


@pytest.mark.parametrize("recipe", ["fast", "default"])
def test_binary_layers_lose_nothing(recipe: str, native: Native) -> None:
    rng = np.random.default_rng(4)
    real = network(rng)
    samples = rng.normal(0, 1, (64, 6, 6, 3)).astype(np.float32)
    ints = quantize(real, samples, load_recipe(recipe)).graph
    assert [ints.tensor(n).params.bits for n in ("w0", "w1", "w2")] == [8, 1, 2]
    for name in ("w1", "w2"):
        np.testing.assert_array_equal(ints.tensor(name).params.dequantize(ints.integers(name)),
                                      real.const(name))
    x = ints.tensor("x").params.quantize(samples)
    kept = run_int(ints, {"x": x}, keep=("s0", "a1", "r", "y"))
    for op, source, out in ((ints.ops[2], "s0", "a1"), (ints.ops[5], "r", "y")):
        signs = ints.tensor(source).params.dequantize(kept[source])
        assert set(np.unique(signs)) <= {-1.0, 0.0, 1.0}
        bias = ints.tensor(op.ins[2])
        (want,) = op.run(signs, np.asarray(real.const(op.ins[1]), np.float32),
                         bias.params.dequantize(ints.integers(op.ins[2])))
        q = ints.tensor(out).params
        got = q.dequantize(kept[out])
        inside = (kept[out] > q.qmin) & (kept[out] < q.qmax)
        assert inside.mean() > 0.9
        # half a step of the output's grid is the only error there is, but for the double rounding
        assert np.abs(got - want)[inside].max() <= (0.5 + 1 / 31) * float(q.scale)
    for op in (ints.ops[2], ints.ops[5]):
        (call,) = op.lower(ints, Target(HOST))
        assert (call.func[-4:], call.weight_bits) == (
            ("_s8b", 1) if op.name == "c1" else ("_s8p", 2))
        source = kept[op.ins[0]][:1]
        (c,) = native.run(op, ints, source)
        np.testing.assert_array_equal(c.reshape(-1), kept[op.outs[0]][0].reshape(-1))


def test_a_sign_of_a_shifted_sign_is_exact_too() -> None:
    """As some exporters write sign(sign(x) + 0.1), which has no zero."""
    ops = (Function(name="s", ins=("x",), outs=("s",), fn_of=Fn.SIGN),
           Add(name="a", ins=("s", "c"), outs=("a",)),
           Function(name="t", ins=("a",), outs=("y",), fn_of=Fn.SIGN))
    tensors = [Tensor(n, (1, 8)) for n in ("x", "s", "a", "y")]
    tensors.append(Tensor("c", (1,), np.array([0.1], np.float32)))
    fused = fuse_functions(Graph({t.name: t for t in tensors}, ops, ("x",), ("y",)))
    assert len(fused.ops) == 1
    samples = np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8)
    ints = quantize(fused, samples, load_recipe("fast")).graph
    y = ints.tensor("y").params
    got = run_int(ints, {"x": ints.tensor("x").params.quantize(samples)})["y"]
    assert set(np.unique(y.dequantize(got))) == {-1.0, 1.0}


def test_a_binary_network_on_bits(native: Native) -> None:
    """Signs and binary layers alone: the C code gives run_int's bytes, and the float's answers."""
    rng = np.random.default_rng(9)
    weights = {"w0": (32, 3, 3, 32), "w1": (64, 3, 3, 32), "w2": (10, 576)}
    consts = {n: rng.choice([-1, 1], s).astype(np.float32) for n, s in weights.items()}
    consts |= {f"b{i}": (rng.integers(-4, 4, n) * 2 + 0.5).astype(np.float32)
               for i, n in enumerate((32, 64, 10))}
    consts["b2"] = (rng.permutation(10) / 16).astype(np.float32)  # so that no two outputs are equal
    ops = (
        Function(name="s0", ins=("x",), outs=("s0",), fn_of=Fn.SIGN),
        Conv2D(name="c0", ins=("s0", "w0", "b0"), outs=("a0",), pad=SAME),
        Function(name="s1", ins=("a0",), outs=("s1",), fn_of=Fn.SIGN),
        Conv2D(name="c1", ins=("s1", "w1", "b1"), outs=("a1",), pad=SAME, stride=(2, 2)),
        Function(name="s2", ins=("a1",), outs=("s2",), fn_of=Fn.SIGN),
        Reshape(name="r", ins=("s2",), outs=("r",), to=(1, 576)),
        Dense(name="d", ins=("r", "w2", "b2"), outs=("y",)),
    )
    shapes: dict[str, tuple[int, ...]] = {
        **dict.fromkeys(("x", "s0", "a0", "s1"), (1, 6, 6, 32)),
        **dict.fromkeys(("a1", "s2"), (1, 3, 3, 64)), "r": (1, 576), "y": (1, 10)}
    tensors = {n: Tensor(n, s) for n, s in shapes.items()}
    tensors |= {n: Tensor(n, v.shape, v) for n, v in consts.items()}
    real = Graph(tensors, ops, ("x",), ("y",))
    samples = rng.choice([-1, -0.5, 0, 0.5, 1], (64, 6, 6, 32)).astype(np.float32)
    ints = quantize(real, samples, load_recipe("fast")).graph
    x = ints.tensor("x").params.quantize(samples)
    kept = run_int(ints, {"x": x}, keep=tuple(shapes))
    for op in (op for op in ints.ops if isinstance(op, Conv2D | Dense)):
        (call,) = op.lower(ints, Target(HOST))
        assert call.func[-4:] == "_s8b"
        for i in range(4):
            (c,) = native.run(op, ints, kept[op.ins[0]][i:i + 1])
            np.testing.assert_array_equal(c.reshape(-1), kept[op.outs[0]][i].reshape(-1))
    signs = run_float(real, {"x": samples}, keep=("s1", "s2", "y"))
    for name in ("s1", "s2"):
        np.testing.assert_array_equal(ints.tensor(name).params.dequantize(kept[name]), signs[name])
    second, best = np.sort(signs["y"], axis=1)[:, -2:].T
    clear = best - second > 2 * float(ints.tensor("y").params.scale)  # else rounding may decide
    assert clear.mean() > 0.5
    np.testing.assert_array_equal(kept["y"].argmax(1)[clear], signs["y"].argmax(1)[clear])
