"""Recurrent layers give the bytes of run_int under QEMU; with Helium they read nothing too far."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_program import Trial, run_trials, skip_without_tools

from edgeq.board import Target, load_board
from edgeq.execute import run_int
from edgeq.ir import Graph, Tensor
from edgeq.ops.gru import Gru
from edgeq.ops.lstm import Lstm
from edgeq.ops.recurrent import Recurrent
from edgeq.ops.rnn import Rnn
from edgeq.quant import quantize
from edgeq.recipe import Recipe

BOARDS = {"cortex-m55": "_mve", "cortex-m4": "", "cortex-m0plus": "", "cortex-a53": ""}
LAYERS = {"lstm": Lstm, "gru": Gru, "rnn": Rnn}
SIZES = [(1, 1, 1), (3, 10, 18), (2, 16, 7), (4, 17, 33), (2, 40, 4)]  # steps, in_c, units
pytestmark = pytest.mark.qemu


def layer_graph(kind: type[Recurrent], steps: int, in_c: int, units: int) -> Graph:
    """A quantized layer with random constants, every second one with only its last step."""
    rng = np.random.default_rng([steps, in_c, units])
    rows = kind.gates * units
    shapes = {"w": (rows, in_c), "r": (rows, units), "b": (rows,), "c": (rows,)}
    ins = ("x", *"wrb", *("c" if kind is Gru else ""))
    op = kind(name="layer", ins=ins, outs=("y",), last_only=bool(units % 2))
    tensors = {n: Tensor(n, shapes[n], rng.normal(0, 0.4, shapes[n]).astype(np.float32))
               for n in ins[1:]}
    tensors["x"] = Tensor("x", (1, steps, in_c))
    tensors["y"] = Tensor("y", op.shape(*(tensors[n].shape for n in ins))[0])
    x = rng.normal(0, 1, (6, steps, in_c)).astype(np.float32)
    return quantize(Graph(tensors, (op,), ("x",), ("y",)), x, Recipe(rollback=False)).graph


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize(("board_name", "at_end"), [
    ("cortex-m55", True), *((board, False) for board in BOARDS)])
def test_bytes(name: str, board_name: str, at_end: bool) -> None:
    board, rng = load_board(board_name), np.random.default_rng(3)
    skip_without_tools(board, None)
    trials, wanted = [], []
    for size in SIZES:
        graph = layer_graph(LAYERS[name], *size)
        (call,) = graph.ops[0].lower(graph, Target(board))
        assert call.func == f"eq_{name}_s8{BOARDS[board_name]}"
        x = rng.integers(-128, 128, (1, *size[:2])).astype(np.int8)
        wanted.append(run_int(graph, {"x": x})["y"].reshape(-1))
        trials.append(Trial(call, (x,), graph.tensor("y").size, 0 if at_end else 3))
    for size, want, got in zip(SIZES, wanted, run_trials(board, trials, at_end=at_end),
                               strict=True):
        np.testing.assert_array_equal(got.output, want, f"{name} {size}")
