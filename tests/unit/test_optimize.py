"""--optimize: what the choice of kernels and the compiler's flags follow from it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from ops.mac_cases import Geometry, window_case

from edgeq.board import Optimize, Target, load_board
from edgeq.emit import emit
from edgeq.execute import run_int
from edgeq.folder import write
from edgeq.ir import Graph
from edgeq.kernels.base import MacKernel, MacLayer, choose
from edgeq.lower import lower
from edgeq.ops.base import Act
from edgeq.ops.conv2d import Conv2D
from edgeq.plan import Plan
from edgeq.readers import read
from edgeq.target import run_folder

ONE = ((0, 0), (0, 0))
SAME = ((1, 1), (1, 1))


def layer() -> MacLayer:
    geometry = Geometry(4, 4, 8, 8, 1, 1, (1, 1), (1, 1), ONE)
    graph = window_case(Conv2D, geometry, Act.NONE, (0, 0), True, 1)[0]
    (op,) = graph.ops
    assert isinstance(op, Conv2D)
    return op.mac_layer(graph)


def kernel(func: str, isa: str, fits: bool = True) -> MacKernel:
    return MacKernel(func, isa, f"ops/{func}.c", lambda layer, target: fits,
                     lambda layer: layer.weights.reshape(-1), "", lambda layer: 0)


@pytest.mark.parametrize(("avoid", "chosen"), [
    ((), "special"), (("special",), "general"), (("general",), "special"),
    (("special", "general"), "special"),  # another ISA is never the way out
])
def test_avoided_functions_come_last_within_their_isa(avoid: tuple[str, ...], chosen: str) -> None:
    kernels = (kernel("portable", "c"), kernel("none", "dsp", False), kernel("special", "dsp"),
               kernel("general", "dsp"))
    target = Target(load_board("cortex-m4"), avoid=frozenset(avoid))
    assert choose(kernels, layer(), target).func == chosen


def plan(model: Path, board: str, optimize: Optimize) -> Plan:
    return lower(read(model), Target(load_board(board), optimize), "m")


def test_size_shares_one_convolution(shared) -> None:  # type: ignore[no-untyped-def]
    """The keyword model on a Cortex-M4: the 1x1 convolutions use the general function too."""
    model = shared("models/mlperf_kws_int8.tflite")
    plans = {o: plan(model, "cortex-m4", o) for o in Optimize}
    used = {o: {c.func for c in p.calls if c.op == "Conv2D"} for o, p in plans.items()}
    assert used[Optimize.BALANCED] == used[Optimize.SPEED]
    assert len(used[Optimize.BALANCED]) == 2
    assert len(used[Optimize.SIZE]) == 1
    assert used[Optimize.SIZE] < used[Optimize.BALANCED]
    assert set(plans[Optimize.SIZE].sources) < set(plans[Optimize.BALANCED].sources)


@pytest.mark.parametrize(("optimize", "level"), [
    (Optimize.SPEED, "-O3"), (Optimize.SIZE, "-Os"), (Optimize.BALANCED, "-O2")])
def test_the_build_files_ask_for_it(optimize: Optimize, level: str) -> None:
    files = emit(lower(small(), Target(load_board("cortex-m3"), optimize)))
    assert f"OPT ?= {level}\n" in files["Makefile"]
    assert f"PRIVATE {level} " in files["CMakeLists.txt"]


def test_loops_around_dsp_kernels_stay_as_they_are() -> None:
    """-O3 costs instructions there (docs/optimize.md)."""
    for name, cflags in (("cortex-m4", ()), ("cortex-m7", ()), ("cortex-m55", ("-O3",))):
        assert Target(load_board(name), Optimize.SPEED).cflags == cflags


def small() -> Graph:
    geometry = Geometry(5, 5, 4, 6, 3, 3, (1, 1), (1, 1), SAME)
    return window_case(Conv2D, geometry, Act.RELU, (3, -128), True, 2)[0]


@pytest.mark.qemu
@pytest.mark.parametrize("board", ["cortex-m4", "cortex-m55"])
@pytest.mark.parametrize("optimize", list(Optimize))
def test_bytes_do_not_depend_on_it(board: str, optimize: Optimize, tmp_path: Path) -> None:
    for program in ("arm-none-eabi-gcc", "qemu-system-arm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    graph, target = small(), Target(load_board(board), optimize)
    write(emit(lower(graph, target)), tmp_path / "out")
    x = np.random.default_rng(5).integers(-128, 128, (2, 5, 5, 4)).astype(np.int8)
    run = run_folder(tmp_path / "out", target.board, [x])
    np.testing.assert_array_equal(run.outputs[0], run_int(graph, {graph.ins[0]: x})[graph.outs[0]])
