"""Every variant of an operator without weights gives the portable one's bytes, under QEMU.

The families are in plain_trials.py. A new variant of one needs no line here: it is found in the
tuples of edgeq/kernels/plain.py.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from kernel_program import COMPILER_IDS, COMPILERS, run_trials, skip_without_tools
from plain_trials import FAMILIES, Family

from edgeq.board import load_board
from edgeq.kernels.plain import Kernel

BOARDS = {
    "mve": ("cortex-m55",), "dsp": ("cortex-m4",), "v7m": ("cortex-m3",),
    "v6m": ("cortex-m0plus",), "neon": ("cortex-a53", "cortex-a7"),
}
pytestmark = pytest.mark.qemu

VARIANTS = [pytest.param(f, k, board, id=f"{f.name}-{k.func}-{board}")
            for f in FAMILIES for k in f.kernels for board in BOARDS.get(k.isa, ())]


@pytest.mark.parametrize("compiler", COMPILERS, ids=COMPILER_IDS)
@pytest.mark.parametrize(("family", "kernel", "name"), VARIANTS)
def test_variant_equals_portable(family: Family, kernel: Kernel, name: str,
                                 compiler: str | None) -> None:
    board = load_board(name)
    skip_without_tools(board, compiler)
    variants = list(family.trials(np.random.default_rng(3), kernel))
    plains = list(family.trials(np.random.default_rng(3), family.portable))
    plains = [replace(t, skew=0, dying=False) for t in plains]
    outcomes = run_trials(board, [*plains, *variants], compiler=compiler)
    for i, trial in enumerate(variants):
        expected, found = outcomes[i].output, outcomes[len(plains) + i].output
        wrong = np.flatnonzero(expected != found)
        assert wrong.size == 0, (i, trial.call.fields, wrong[:10], found[wrong[:10]])


NEON = [v for v in VARIANTS if v.values[1].isa == "neon"]


@pytest.mark.parametrize(("family", "kernel", "name"), NEON)
def test_neon_variant_takes_fewer_instructions(family: Family, kernel: Kernel, name: str) -> None:
    """Over all trials, which are far smaller than layers are."""
    board = load_board(name)
    skip_without_tools(board, None)
    variants = list(family.trials(np.random.default_rng(3), kernel))
    plains = list(family.trials(np.random.default_rng(3), family.portable))
    plains = [replace(t, skew=0, dying=False) for t in plains]
    counts = [o.instructions or 0 for o in run_trials(board, [*plains, *variants], count=True)]
    assert sum(counts[len(plains):]) < sum(counts[:len(plains)])
