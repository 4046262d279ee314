"""Values of other types than int8 under QEMU: indices of 32 bits, words moved as bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
from tflite_writer import Value, single_op

from edgeq.board import Target, load_board
from edgeq.emit import emit
from edgeq.execute import run_int
from edgeq.folder import write
from edgeq.lower import lower
from edgeq.readers import read
from edgeq.target import run_folder

pytestmark = pytest.mark.qemu
BOARDS = ("cortex-m0plus", "cortex-m55", "cortex-a53")


def same_on_board(model: bytes, board: str, folder: Path, x: NDArray[np.signedinteger]) -> None:
    """Assert that the board's bytes are those of run_int."""
    (folder / "one.tflite").write_bytes(model)
    graph = read(folder / "one.tflite")
    write(emit(lower(graph, Target(load_board(board)), "one")), folder / "out")
    run = run_folder(folder / "out", load_board(board), [x])
    want = run_int(graph, {graph.ins[0]: x})[graph.outs[0]]
    np.testing.assert_array_equal(run.outputs[0].reshape(want.shape), want)


@pytest.mark.parametrize("board", BOARDS)
def test_embedding(board: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    table = rng.integers(-128, 128, (300, 5)).astype(np.int8)
    model = single_op("GATHER", [Value("t", table.shape, 0.1, 3, table),
                                 Value("i", (1, 6), kind="int32")],
                      [Value("y", (1, 6, 5), 0.1, 3)], schema.GatherOptionsT())
    same_on_board(model, board, tmp_path, rng.integers(-5, 310, (3, 6)).astype(np.int32))


@pytest.mark.parametrize("board", BOARDS)
def test_arg_max(board: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    options = schema.ArgMaxOptionsT()
    options.outputType = schema.TensorType.INT32
    model = single_op("ARG_MAX", [Value("x", (1, 4, 5, 6), 0.1, 3),
                                  Value("axis", (1,), data=np.array([3], np.int32))],
                      [Value("y", (1, 4, 5), kind="int32")], options)
    same_on_board(model, board, tmp_path, rng.integers(-3, 4, (3, 4, 5, 6)).astype(np.int8))


@pytest.mark.parametrize("board", BOARDS)
def test_words_are_padded_as_bytes(board: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    pads = Value("p", (4, 2), data=np.array([[0, 0], [1, 2], [0, 3], [1, 0]], np.int32))
    model = single_op("PAD", [Value("x", (1, 4, 6, 3), 1e-3, kind="int16"), pads],
                      [Value("y", (1, 7, 9, 4), 1e-3, kind="int16")])
    same_on_board(model, board, tmp_path,
                  rng.integers(-32768, 32768, (2, 4, 6, 3)).astype(np.int16))
