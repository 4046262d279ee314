"""Products of activations and LayerNorm on every ISA give the bytes of run_int, under QEMU."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from kernel_program import Trial, run_trials

from edgeq.board import Target, load_board
from edgeq.execute import run_int
from edgeq.ir import Graph, QuantParams, Tensor
from edgeq.ops.layer_norm import LayerNorm
from edgeq.ops.matmul import MatMul

BOARDS = {"cortex-m55": "mve", "cortex-m4": "dsp", "cortex-a53": "neon", "cortex-a7": "neon",
          "cortex-a55": "neon_dot"}
# batches, rows, columns, terms: below, at and above the tiles
PRODUCTS = [(1, 1, 1, 1), (2, 3, 4, 8), (1, 5, 7, 16), (3, 2, 9, 17), (2, 4, 3, 33), (1, 3, 6, 24),
            (2, 2, 5, 7), (1, 1, 8, 100)]
ROWS = [(1, 1), (3, 7), (2, 16), (5, 18), (1, 100), (2, 33)]
pytestmark = pytest.mark.qemu


def params(rng: np.random.Generator, scale: float) -> QuantParams:
    zero = int(rng.choice([-128, 127, 0, int(rng.integers(-128, 128))]))
    return QuantParams(np.array(scale), np.array(zero))


def values(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    if rng.integers(4) == 0:
        return rng.choice(np.array([-128, 127], np.int8), shape)
    return rng.integers(-128, 128, shape).astype(np.int8)


def products(rng: np.random.Generator) -> Iterator[Graph]:
    """Operands by rows or columns, heads inside or outside, results as they come or turned."""
    for n, rows, cols, k in PRODUCTS:
        for a_axes, b_axes, y_axes in (((0, 1, 2, 3), (0, 1, 3, 2), (0, 1, 2, 3)),
                                       ((0, 2, 1, 3), (0, 2, 1, 3), (0, 2, 1, 3)),
                                       ((0, 1, 3, 2), (0, 1, 2, 3), (0, 3, 2, 1)),
                                       ((0, 2, 3, 1), (0, 2, 3, 1), (0, 1, 3, 2))):
            a, b, y = (1, n, rows, k), (1, n, k, cols), (1, n, rows, cols)
            op = MatMul(name="m", ins=("a", "b"), outs=("y",), a_axes=a_axes, b_axes=b_axes,
                        y_axes=y_axes)
            spread = float(rng.choice([1e-4, 0.01, 0.5, 3.0]))
            yield Graph({
                "a": Tensor("a", tuple(a[a_axes.index(i)] for i in range(4)), q=params(rng, 0.02)),
                "b": Tensor("b", tuple(b[b_axes.index(i)] for i in range(4)), q=params(rng, 0.05)),
                "y": Tensor("y", tuple(y[i] for i in y_axes),
                            q=params(rng, 0.001 * np.sqrt(k) * spread))}, (op,), ("a", "b"), ("y",))


def norms(rng: np.random.Generator) -> Iterator[Graph]:
    """Centered or not, with an epsilon that matters and without."""
    for rows, c in ROWS:
        for centered, epsilon, scale, out in ((True, 1e-5, 0.02, 0.03), (False, 1e-5, 0.02, 0.03),
                                              (True, 10.0, 0.001, 1e-4), (True, 0.0, 3.0, 1e-6)):
            q = QuantParams(np.array(2.0**-20), np.array(0), 32)
            constants = {n: q.quantize(rng.normal(m, 1, c)) for n, m in (("g", 1.0), ("b", 0.0))}
            op = LayerNorm(name="n", ins=("x", "g", "b"), outs=("y",), epsilon=epsilon,
                           centered=centered)
            yield Graph({"x": Tensor("x", (1, rows, c), q=params(rng, scale)),
                         "y": Tensor("y", (1, rows, c), q=params(rng, out)),
                         **{n: Tensor(n, (c,), d, q) for n, d in constants.items()}},
                        (op,), ("x",), ("y",))


FAMILIES = {"matmul": products, "layernorm": norms}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("compiler", [None, "clang"], ids=["gcc", "clang"])
def test_variants(family: str, board: str, compiler: str | None) -> None:
    target = load_board(board)
    tools = (compiler or target.compiler, target.qemu.program if target.qemu else "")
    if missing := [t for t in tools if shutil.which(t) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    rng, trials, wanted = np.random.default_rng(7), list[Trial](), list[np.ndarray]()
    for graph in FAMILIES[family](rng):
        (op,) = graph.ops
        (call,) = op.lower(graph, Target(target))
        isa = BOARDS[board].removesuffix("_dot") if family == "layernorm" else BOARDS[board]
        assert call.func == f"eq_{family}_s8_{isa}"
        xs = {n: values(rng, graph.tensor(n).shape) for n in graph.ins}
        wanted.append(run_int(graph, xs)["y"].reshape(-1))
        trials.append(Trial(call, tuple(xs[n] for n in call.ins), graph.tensor("y").size,
                            int(rng.integers(16)), family == "layernorm" and bool(rng.integers(2))))
    # nothing is read behind the last input, which ends with the RAM of the M55 machine
    for at_end in (False, True) if board == "cortex-m55" else (False,):
        cases = [Trial(t.call, t.inputs, t.size, t.skew) for t in trials] if at_end else trials
        for i, got in enumerate(run_trials(target, cases, compiler=compiler, at_end=at_end)):
            np.testing.assert_array_equal(got.output, wanted[i], f"{i} {trials[i].call.fields}")
