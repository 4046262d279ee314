"""Places of maxima, running sums, logarithms, ranks, one-hot rows: run_int's bytes under QEMU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from kernel_program import COMPILER_IDS, COMPILERS, skip_without_tools

from edgeq.board import Target, load_board
from edgeq.emit import emit
from edgeq.execute import run_int
from edgeq.folder import write
from edgeq.ir import Graph, QuantParams, Tensor
from edgeq.lower import lower
from edgeq.ops.base import Op
from edgeq.ops.cumsum import CumSum
from edgeq.ops.log_softmax import LogSoftmax
from edgeq.ops.max_unpool import MaxPlace, MaxUnpool
from edgeq.ops.one_hot import OneHot
from edgeq.ops.pool import MaxPool
from edgeq.ops.take import Take
from edgeq.ops.topk import TopK
from edgeq.target import run_folder

pytestmark = pytest.mark.qemu
BOARDS = ("cortex-m0plus", "cortex-m4", "cortex-m55", "cortex-a53")
SHAPE = (1, 7, 6, 3)
PAD = ((1, 1), (0, 1))


def params(scale: float, zero: int, bits: int = 8) -> QuantParams:
    return QuantParams(np.asarray(scale), np.asarray(zero, np.int32), bits)


def graph() -> Graph:
    """Every new kernel on the input, or on what another one gives."""
    ops: tuple[Op, ...] = (
        MaxPool(name="max", ins=("x",), outs=("most",), kernel=(3, 2), stride=(2, 2), pad=PAD),
        MaxPlace(name="place", ins=("x",), outs=("places",), kernel=(3, 2), stride=(2, 2),
                 pad=PAD),
        MaxUnpool(name="back", ins=("most", "places"), outs=("spread",), size=SHAPE[1:3],
                  columns=2, stride=(2, 2), top=1, left=0),
        CumSum(name="sums", ins=("x",), outs=("total",), axis=2, exclusive=True, reverse=True),
        LogSoftmax(name="log", ins=("x",), outs=("logs",)),
        TopK(name="top", ins=("x",), outs=("best", "at"), k=2, largest=False),
        OneHot(name="hot", ins=("at",), outs=("ones",), depth=3),
        Take(name="take", ins=("x", "at"), outs=("rows",)))
    q, whole = params(0.05, 3), params(1.0, 0, 32)
    own = {"places": params(1.0, 0), "ones": params(1.0, 0), "at": whole,
           "total": params(0.21, -40), "logs": params(0.04, 127)}
    tensors = {"x": Tensor("x", SHAPE, None, q)}
    for op in ops:
        for name, shape in zip(op.outs, op.shape(*(tensors[n].shape for n in op.ins)),
                               strict=True):
            tensors[name] = Tensor(name, shape, None, own.get(name, q))
    outs = ("spread", "places", "total", "logs", "best", "at", "ones", "rows")
    return Graph(tensors, ops, ("x",), outs)


@pytest.mark.parametrize("compiler", COMPILERS, ids=COMPILER_IDS)
@pytest.mark.parametrize("name", BOARDS)
def test_bytes_on_boards(name: str, compiler: str | None, tmp_path: Path) -> None:
    """Any values, and few different ones, so that equal ones are common."""
    board = load_board(name)
    skip_without_tools(board, compiler)
    g, rng = graph(), np.random.default_rng(1)
    x = rng.integers(-128, 128, (4, *SHAPE[1:])).astype(np.int8)
    x[2:] = rng.integers(-2, 3, (2, *SHAPE[1:]))
    want = run_int(g, {"x": x})
    write(emit(lower(g, Target(board), "one")), tmp_path / "out")
    run = run_folder(tmp_path / "out", board, [x], compiler=compiler)
    for out, got in zip(g.outs, run.outputs, strict=True):
        np.testing.assert_array_equal(got.reshape(want[out].shape), want[out], out)
