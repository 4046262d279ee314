"""Generated libraries on every board: outputs, profile, sizes and stack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ops.mac_cases import Geometry, dense_case, window_case

from edgeq.board import Target, board_names, load_board
from edgeq.emit import emit
from edgeq.errors import UsageError
from edgeq.execute import run_int
from edgeq.folder import write
from edgeq.ir import Graph
from edgeq.lower import lower
from edgeq.ops.base import Act
from edgeq.ops.conv2d import Conv2D
from edgeq.target import measure_folder, profile_folder, run_folder

pytestmark = pytest.mark.qemu

CROSS = tuple(name for name in board_names() if name != "host")
ONE_OF_EACH = ("cortex-m0plus", "cortex-m4", "cortex-m55", "cortex-a7", "cortex-a53")
SAME = ((1, 1), (1, 1))


def conv_graph() -> Graph:
    geometry = Geometry(6, 5, 8, 17, 3, 3, (1, 1), (1, 1), SAME)
    return window_case(Conv2D, geometry, Act.RELU, (5, -128), True, 7)[0]


def build(graph: Graph, board: str, folder: Path) -> Path:
    write(emit(lower(graph, Target(load_board(board)))), folder)
    return folder


@pytest.mark.parametrize("name", CROSS)
def test_outputs_equal_the_specification(name: str, tmp_path: Path) -> None:
    graph = conv_graph()
    x = np.random.default_rng(3).integers(-128, 128, (3, 6, 5, 8)).astype(np.int8)
    run = run_folder(build(graph, name, tmp_path / "out"), load_board(name), [x])
    expected = run_int(graph, {graph.ins[0]: x})[graph.outs[0]]
    assert run.outputs[0].dtype == np.int8
    np.testing.assert_array_equal(run.outputs[0], expected)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_profile_adds_up_and_repeats(name: str, tmp_path: Path) -> None:
    folder, board = build(conv_graph(), name, tmp_path / "out"), load_board(name)
    first, second = (profile_folder(folder, board) for _ in range(2))
    (layer,) = first.layers
    assert first.instructions == layer.instructions + first.outside
    assert layer.macs == first.macs == 6 * 5 * 17 * 3 * 3 * 8
    assert sum(layer.kinds.values()) == layer.instructions == sum(layer.functions.values())
    assert layer.instructions > layer.macs / 32  # no vector unit here does more at once
    assert "?" not in layer.functions
    assert first.outside < 20
    assert first.cycles is not None
    assert layer.cycles is not None
    assert layer.cycles <= first.cycles
    assert (first.instructions, first.cycles) == (second.instructions, second.cycles)
    if board.bare_metal:
        assert first.stack_used is not None
        assert first.sizes.stack is not None
        assert 0 < first.stack_used <= first.sizes.stack


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_sizes(name: str, tmp_path: Path) -> None:
    folder, board = build(conv_graph(), name, tmp_path / "out"), load_board(name)
    sizes = measure_folder(folder, board)
    assert sizes.const >= 17 * 3 * 3 * 8 + 17 * (4 + 4 + 1)  # weights, bias, mult, shift
    assert 100 < sizes.code < 10_000
    assert (sizes.data, sizes.bss) == (0, 0)
    assert sizes.stack is not None
    assert sizes.flash == sizes.code + sizes.const + (sizes.support or 0)
    if board.bare_metal:
        assert sizes.image_flash is not None
        assert sizes.flash < sizes.image_flash < sizes.flash + 2_000
        assert (measure_folder(folder, board, compiler="clang").stack or 0) > 0


def test_layers_keep_their_order_and_names(tmp_path: Path) -> None:
    """A dense layer with few and one with many rows: the counts belong to the right one."""
    small, _ = dense_case(1, 16, 8, Act.NONE, (0, 0), True, 1)
    large, _ = dense_case(9, 16, 8, Act.NONE, (0, 0), True, 1)
    board = load_board("cortex-m3")
    counts = [profile_folder(build(g, "cortex-m3", tmp_path / str(i)), board).instructions
              for i, g in enumerate((small, large))]
    assert counts[1] > 5 * counts[0]


def test_not_a_library(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a folder made by"):
        run_folder(tmp_path, load_board("host"), [])
    (tmp_path / "report.json").write_text('{"model": "m", "board": "host", "layers": 3}')
    with pytest.raises(UsageError, match="not a folder made by"):
        run_folder(tmp_path, load_board("host"), [])


@pytest.mark.parametrize("x", [
    np.zeros((2, 6, 5, 7), np.int8), np.zeros((2, 6, 5, 8), np.int16)])
def test_inputs_that_do_not_fit(x: np.ndarray, tmp_path: Path) -> None:
    folder = build(conv_graph(), "host", tmp_path / "out")
    with pytest.raises(UsageError, match=r"allowed: \(n, 240\) of int8"):
        run_folder(folder, load_board("host"), [x])


def test_no_counts_without_an_emulator(tmp_path: Path) -> None:
    folder = build(conv_graph(), "host", tmp_path / "out")
    with pytest.raises(UsageError, match="under QEMU only"):
        profile_folder(folder, load_board("host"))
