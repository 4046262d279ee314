"""Dynamic layers with Helium, and in portable C on other cores, give the bytes of run_int."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from kernel_program import Trial, run_trials

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "ops"))

from test_dynamic import KINDS, integers, words

from edgeq.board import Target, load_board
from edgeq.execute import run_int

pytestmark = pytest.mark.qemu
SIZES = [(1, 1, 1), (3, 10, 18), (2, 16, 7), (4, 17, 33), (5, 48, 4)]  # rows, k, units
BOARDS = {"cortex-m55": "_mve", "cortex-m4": "", "cortex-m0plus": "", "cortex-a53": ""}


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("kind", KINDS)
def test_bytes(kind: str, board: str) -> None:
    target = load_board(board)
    for program in (target.compiler, target.qemu.program):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    trials, wanted = [], []
    for seed, size in enumerate(SIZES):
        graph = integers(kind, *size, seed)
        (call,) = graph.ops[0].lower(graph, Target(target))
        assert call.func == f"eq_{kind}_dyn_s16{BOARDS[board]}"
        rng = np.random.default_rng(seed)
        x = {n: words(rng, graph.tensor(n).shape) for n in graph.ins}
        wanted.append(run_int(graph, x)["y"].reshape(-1))
        inputs = tuple(x[n].reshape(-1).view(np.int8) for n in call.ins)
        trials.append(Trial(call, inputs, 2 * graph.tensor("y").size, 2 * (seed % 2)))
    at_end = target.name == "cortex-m55"
    for size, want, got in zip(SIZES, wanted, run_trials(target, trials, at_end=at_end),
                               strict=True):
        np.testing.assert_array_equal(got.output.view(np.int16), want, f"{kind} {size}")
