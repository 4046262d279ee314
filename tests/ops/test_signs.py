"""Layers of signs with 1-bit weights: the proof of inputs; run_int and portable C agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from native import Native

from edgeq.board import HOST, Target
from edgeq.execute import run_int
from edgeq.ir import Graph, QuantParams, Tensor
from edgeq.ops.base import Op
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.function import Fn, Function
from edgeq.ops.pad import Pad
from edgeq.ops.signs import possible_codes, sign_steps

check = settings(max_examples=40, deadline=None, derandomize=True,
                 suppress_health_check=[HealthCheck.function_scoped_fixture])
seeds = st.integers(0, 1 << 32)


def behind_sign(op: Op, x: tuple[int, ...], w: tuple[int, ...], seed: int) -> Graph:
    """A Sign, then `op` with weights of +-1 times a scale a channel."""
    rng = np.random.default_rng(seed)
    (y,) = op.shape(x, w, w[:1])
    scale, zero = rng.uniform(0.5, 2, w[0]), np.asarray(int(rng.integers(-128, 128)))
    tensors = (
        Tensor("r", x, None, QuantParams(np.asarray(0.1), np.asarray(int(rng.integers(-9, 9))))),
        Tensor("x", x, None, QuantParams(np.asarray(1 / 64), np.asarray(0))),
        Tensor("w", w, rng.choice([-1, 1], w).astype(np.int8),
               QuantParams(scale, np.zeros(w[0], np.int32), 1, 0)),
        Tensor("b", w[:1], rng.integers(-900, 900, w[0]).astype(np.int32),
               QuantParams(scale / 64, np.zeros(w[0], np.int32), 32, 0)),
        Tensor("y", y, None, QuantParams(np.asarray(0.3), zero)),
    )
    sign = Function(name="s", ins=("r",), outs=("x",), fn_of=Fn.SIGN)
    return Graph({t.name: t for t in tensors}, (sign, op), ("r",), ("y",))


def equal_to_c(native: Native, graph: Graph, seed: int) -> None:
    """The C kernel on bits gives the bytes of run_int."""
    r = np.random.default_rng(seed).integers(-12, 12, graph.tensor("r").shape).astype(np.int8)
    kept = run_int(graph, {"r": r}, keep=("x", "y"))
    op = graph.ops[1]
    (call,) = op.lower(graph, Target(HOST))
    assert call.func.endswith("_s8b")
    (got,) = native.run(op, graph, kept["x"])
    np.testing.assert_array_equal(got, kept["y"])


@check
@given(st.sampled_from([32, 60, 64, 96]), st.integers(16, 20),
       st.tuples(st.integers(3, 7), st.integers(3, 7)),
       st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 2)),
       st.tuples(*[st.integers(0, 2)] * 4), seeds)
def test_conv2d_c(native: Native, in_c: int, out_c: int, size: tuple[int, int],
                  steps: tuple[int, int, int], pad: tuple[int, int, int, int], seed: int) -> None:
    op = Conv2D(name="c", ins=("x", "w", "b"), outs=("y",), stride=steps[:2],
                dilation=(steps[2] if size[0] > 4 else 1, 1),
                pad=((pad[0], pad[1]), (pad[2], pad[3])))
    equal_to_c(native, behind_sign(op, (1, *size, in_c), (out_c, 3, 3, in_c), seed), seed)


@check
@given(st.integers(1, 3), st.integers(33, 300), st.integers(2, 40), seeds)
def test_dense_c(native: Native, rows: int, in_c: int, out_c: int, seed: int) -> None:
    op = Dense(name="d", ins=("x", "w", "b"), outs=("y",))
    equal_to_c(native, behind_sign(op, (rows, in_c), (out_c, in_c), seed), seed)


@settings(check, max_examples=10)
@given(st.sampled_from([32, 45]), seeds)
def test_no_undefined_behaviour(native_ubsan: Native, in_c: int, seed: int) -> None:
    op = Conv2D(name="c", ins=("x", "w", "b"), outs=("y",), pad=((1, 1), (1, 1)))
    equal_to_c(native_ubsan, behind_sign(op, (1, 5, 4, in_c), (6, 3, 3, in_c), seed), seed)


def test_only_proven_signs_count() -> None:
    op = Dense(name="d", ins=("x", "w", "b"), outs=("y",))
    graph = behind_sign(op, (1, 64), (8, 64), 1)
    assert possible_codes(graph, "x").tolist() == [-64, 0, 64]
    assert (sign_steps(graph, "x"), sign_steps(graph, "r")) == (64, 0)
    root = replace(graph.ops[0], fn_of=Fn.ABS)
    assert sign_steps(graph.replace(ops=(root, op)), "x") == 0
    for value, want in ((0.0, 64), (-1.0, 64), (0.5, 0)):
        pad = Pad(name="p", ins=("x",), outs=("q",), pads=((0, 0), (1, 2)), value=value)
        longer = Tensor("q", (1, 67), None, graph.tensor("x").params)
        padded = graph.replace(tensors={**graph.tensors, "q": longer},
                               ops=(graph.ops[0], pad), outs=("q",))
        assert sign_steps(padded, "q") == want
