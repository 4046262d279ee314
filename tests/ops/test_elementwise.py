"""Add, Sub, Mul: every way of broadcasting, constants, fused activations, extreme parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from against import ACTS, check, check_float, graph_of, params, random_int8, with_act
from ai_edge_litert import schema_py_generated as schema
from native import Native
from tflite_writer import Value, single_op

from edgeq.board import HOST, Target
from edgeq.errors import ModelError, UnsupportedError

KINDS = {"ADD": schema.AddOptionsT, "SUB": schema.SubOptionsT, "MUL": schema.MulOptionsT}
FULL = (1, 3, 5, 7)
OTHERS = [FULL, (1, 1, 1, 7), (7,), (1, 1, 1, 1), (1,), (1, 3, 5, 1), (1, 1, 5, 7), (1, 1, 5, 1)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", OTHERS, ids=str)
@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("const", [False, True])
def test_bytes(native: Native, tmp_path: Path, kind: str, other: tuple[int, ...], swap: bool,
               const: bool) -> None:
    rng = np.random.default_rng([ord(kind[0]), *other, swap, const])
    for act in ACTS:
        a = Value("a", FULL, *params(rng))
        b = Value("b", other, *params(rng), data=random_int8(rng, other) if const else None)
        if kind == "MUL":
            y = Value("y", FULL, *params(rng, 2 * a.scale * b.scale, 500 * a.scale * b.scale))
        else:
            y = Value("y", FULL, *params(rng))
        ins = (b, a) if swap else (a, b)
        check(native, tmp_path, rng, kind, ins, (y,), with_act(KINDS[kind](), act))


@pytest.mark.parametrize("kind", ["ADD", "SUB"])
def test_scales_far_apart(native: Native, tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(3)
    for a_scale, b_scale in [(1.0, 1e-6), (1e-6, 1.0), (0.1, 0.1), (1.0, 3e-10), (2.0, 0.999)]:
        ins = (Value("a", FULL, a_scale, 5), Value("b", FULL, b_scale, -128))
        for y_scale in (0.01, 1.0):
            check(native, tmp_path, rng, kind, ins, (Value("y", FULL, y_scale, 3),),
                  KINDS[kind]())


@pytest.mark.parametrize("kind", KINDS)
def test_same_operand_twice(native: Native, tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(4)
    x, y = Value("x", FULL, 0.05, 9), Value("y", FULL, 0.1, -20)
    model = single_op(kind, (x, x), (y,), KINDS[kind]())
    graph = graph_of(model, tmp_path)
    q = random_int8(rng, FULL)
    (op,) = graph.ops
    (want,) = op.run_int(graph, q, q)
    (call,) = op.lower(graph, Target(HOST))
    np.testing.assert_array_equal(native.call(call, graph, [q, q])["y"], want)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", [FULL, (7,), (1, 1, 1, 1), (1, 3, 5, 1)], ids=str)
def test_float(tmp_path: Path, kind: str, other: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    data = rng.normal(0, 1, other).astype(np.float32)
    for act in ACTS:
        options = with_act(KINDS[kind](), act)
        check_float(tmp_path, rng, kind, (Value("a", FULL), Value("b", other, data=data)),
                    (Value("y", FULL),), options)


def test_scalar_constant_becomes_a_table(tmp_path: Path) -> None:
    c = Value("c", (1,), 0.1, 0, np.array([7], np.int8))
    model = single_op("MUL", (Value("x", FULL, 0.1, 0), c), (Value("y", FULL, 0.1, 0),),
                      schema.MulOptionsT())
    graph = graph_of(model, tmp_path)
    (call,) = graph.ops[0].lower(graph, Target(HOST))
    assert call.func == "eq_lut_s8"
    assert call.overlap == (0,)


def test_shapes_that_do_not_fit(tmp_path: Path) -> None:
    model = single_op("ADD", (Value("a", (1, 3), 0.1), Value("b", (1, 4), 0.1)),
                      (Value("y", (1, 3), 0.1),), schema.AddOptionsT())
    with pytest.raises((ModelError, UnsupportedError)):
        graph_of(model, tmp_path)
