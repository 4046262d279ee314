"""`--optimize ram`: operators that run together by rows give the same bytes in a smaller arena."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import real
from graphs.small_graphs import Builder, random_input

from edgeq import verify
from edgeq.board import HOST, Optimize, Target, load_board
from edgeq.dataset import Preprocess
from edgeq.emit import EmitOptions, emit
from edgeq.folder import write
from edgeq.ir import Graph
from edgeq.lower import lower
from edgeq.ops.pool import MaxPool
from edgeq.pipeline import Request, build
from edgeq.plan import Plan
from edgeq.readers import read
from edgeq.recipe import load_recipe

Shared = Callable[[str], Path]


def image_network(seed: int) -> Graph:
    """Residual blocks, depthwise layers, strides, pools and a wide middle over a random image."""
    rng = np.random.default_rng(seed)
    b = Builder(rng)
    h, w = (int(v) for v in rng.integers(5, 20, 2))
    x = b.conv(b.input("x", h, w, 4), 8, k=int(rng.choice([1, 3, 5])))
    for _ in range(int(rng.integers(1, 4))):
        kind = int(rng.integers(4))
        if kind == 0:
            x = b.add(x, b.conv(b.conv(x, 12), b.shape(x)[3]))
        elif kind == 1 and b.shape(x)[1] > 3:
            x = b.add(b.conv(b.conv(x, 8, stride=2), 8, k=5), b.conv(x, 8, k=1, stride=2))
        elif kind == 2:
            x = b.conv(b.depthwise(b.conv(x, 24, k=1), stride=int(rng.integers(1, 3))), 8, k=1)
        elif min(b.shape(x)[1:3]) > 3:
            x = b.pool(b.conv(x, 16), MaxPool)
    return b.graph(["x"], [b.conv(x, 4, k=1)])


def plans(graph: Graph, board: str) -> tuple[Plan, Plan]:
    """(balanced, ram)."""
    target = load_board(board) if board != "host" else HOST
    return tuple(lower(graph, Target(target, o), "m")  # type: ignore[return-value]
                 for o in (Optimize.BALANCED, Optimize.RAM))


def test_random_networks_give_the_same_bytes_in_less_ram(tmp_path: Path) -> None:
    sections = smaller = 0
    for seed in range(16):
        graph = image_network(seed)
        balanced, ram = plans(graph, "host")
        assert ram.placement.bound <= balanced.placement.bound
        sections += len(ram.strips)
        smaller += ram.placement.arena < balanced.placement.arena
        folder = tmp_path / str(seed)
        write(emit(ram, EmitOptions(host_twin=False)), folder / "m")
        inputs = random_input(graph, 3, seed)
        shutil.copytree(folder / "m", folder / "m" / "host")
        real.assert_host_equals(folder / "m", graph, inputs)
    assert sections >= 12
    assert smaller >= 12


def test_every_call_of_a_section_is_in_the_plan_and_the_memory_map() -> None:
    balanced, ram = plans(image_network(3), "cortex-m55")
    assert sorted(c.name for c in ram.calls) == sorted(c.name for c in balanced.calls)
    assert sum(c.macs for c in ram.calls) == sum(c.macs for c in balanced.calls)
    assert all(0 <= s.first <= s.last < len(ram.calls) for s in ram.strips)
    used = {n for c in ram.calls for n in (*c.ins, *c.outs)}
    assert used <= set(ram.placement.offsets)
    assert max(s.offset + s.size for s in ram.placement.storages) == ram.placement.arena


def test_wide_rows_take_no_more_than_16_bits_of_a_table() -> None:
    b = Builder(np.random.default_rng(0))
    x = b.conv(b.input("x", 24, 512, 4), 64, k=3)
    x = b.add(x, b.conv(b.conv(x, 64), 64))
    balanced, ram = plans(b.graph(["x"], [b.conv(x, 4, k=3)]), "host")
    assert ram.placement.arena < balanced.placement.arena
    assert all(s.steps.max() < 1 << 16 for s in ram.strips)


@pytest.mark.parametrize(("model", "board", "most"), [
    ("ic", "cortex-m55", 20_000), ("ic", "cortex-m4", 20_000), ("ic", "cortex-a53", 20_000),
    ("ic", "cortex-m0plus", 20_300), ("vww", "cortex-m55", 28_600), ("vww", "cortex-a53", 31_200),
])
def test_arenas_of_real_models(model: str, board: str, most: int, shared: Shared) -> None:
    graph = read(shared(f"models/mlperf_{model}_int8.tflite"))
    assert lower(graph, Target(load_board(board), Optimize.RAM)).placement.arena <= most


@pytest.mark.qemu
@pytest.mark.parametrize("board", ["cortex-m4", "cortex-m55", "cortex-m0plus", "cortex-a53"])
def test_boards_give_the_bytes_of_the_host(tmp_path: Path, board: str, shared: Shared) -> None:
    target = load_board(board)
    assert target.qemu is not None
    for tool in (target.compiler, target.qemu.program):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    request = Request(shared("models/mlperf_ic_int8.tflite"), Target(target, Optimize.RAM), None,
                      load_recipe("default"), Preprocess(), name="ic")
    write(build(request).files, tmp_path / "ic")
    folder = verify.open_folder(tmp_path / "ic")
    check = verify.check_on_board(folder, verify.noise(folder), target, 120.0)
    assert check.difference is None
