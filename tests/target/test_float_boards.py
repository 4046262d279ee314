"""Layers in float32 on boards: the bytes of run_int under QEMU, and no fused multiply-add."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from kernel_program import Trial, run_trials

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "ops"))

from mac_cases import Geometry, dense_case, window_case
from test_float_layers import in_float

from edgeq.board import Target, board_names, load_board
from edgeq.execute import run_int
from edgeq.ir import Graph, IntArray
from edgeq.ops.base import Act
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.resources import resource_dir

BOARDS = ["cortex-m4", "cortex-m55", "cortex-a7", "cortex-a53"]
GEOMETRIES = [Geometry(6, 5, 8, 24, 3, 3, (1, 1), (1, 1), ((1, 1), (1, 1))),
              Geometry(9, 7, 3, 6, 4, 2, (2, 1), (1, 2), ((0, 2), (1, 0)))]
FUSED = re.compile(r"\b(vf?n?m[al][as]?\.f32|fn?m(add|sub)|fml[as])\b")


def cases() -> list[tuple[Graph, IntArray]]:
    """Layers of every kind in both widths, with zero points at the borders."""
    found = []
    for seed, bits in enumerate((8, 16)):
        for act in (Act.NONE, Act.RELU6):
            found += [in_float(window_case(kind, geo, act, (-128, 5), True, seed, act_bits=bits),
                               seed)
                      for geo in GEOMETRIES for kind in (Conv2D, DepthwiseConv2D)]
            found.append(in_float(dense_case(3, 70, 19, act, (5, 127), True, seed, act_bits=bits),
                                  seed))
    return found


@pytest.mark.qemu
@pytest.mark.parametrize("compiler", [None, "clang"])
@pytest.mark.parametrize("board", BOARDS)
def test_bytes(board: str, compiler: str | None) -> None:
    target = load_board(board)
    assert target.qemu is not None
    for program in (target.compiler, target.qemu.program, compiler or target.compiler):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    trials, wanted = [], []
    for graph, x in cases():
        (call,) = graph.ops[0].lower(graph, Target(target))
        y = run_int(graph, {"x": x})["y"].reshape(-1)
        wanted.append(y)
        trials.append(Trial(call, (x.reshape(-1).view(np.int8),), y.nbytes))
    results = run_trials(target, trials, compiler=compiler)
    for (graph, _), want, got in zip(cases(), wanted, results, strict=True):
        np.testing.assert_array_equal(got.output.view(want.dtype), want, str(graph.ops[0]))


def assembler(compiler: str, flags: list[str], source: Path) -> str:
    """What `compiler` makes of a file under the worst flags that a user's build may have."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    include = resource_dir("runtime_c") / "include"
    done = subprocess.run([compiler, *flags, "-std=gnu11", "-O3", "-S", f"-I{include}",
                           str(source), "-o", "-"], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("kind", ["conv2d", "dwconv2d"])
@pytest.mark.parametrize(("compiler", "flags"), [
    ("arm-none-eabi-gcc", ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard"]),
    ("aarch64-linux-gnu-gcc", []),
    ("clang", ["--target=arm-none-eabi", "-mcpu=cortex-m55", "-mfloat-abi=hard",
               "-ffreestanding"]),
])
def test_nothing_is_fused_without_flags_that_forbid_it(compiler: str, flags: list[str], kind: str,
                                                       tmp_path: Path) -> None:
    ops = resource_dir("runtime_c") / "ops"
    for path in (*ops.glob("*f32*"), ops / "eq_taps_s16.h"):
        shutil.copy(path, tmp_path)
    source = tmp_path / f"eq_{kind}_s8_f32.c"
    assert not FUSED.search(assembler(compiler, flags, source))
    header = tmp_path / "eq_f32.h"
    header.write_text(header.read_text().replace("#pragma", "// "))
    if compiler != "clang":  # which fuses within an expression only
        assert FUSED.search(assembler(compiler, flags, source))


def test_every_core_with_hardware_floats_is_known() -> None:
    with_fpu = {name for name in board_names() if load_board(name).fpu}
    assert set(board_names()) - with_fpu == {"cortex-m0plus", "cortex-m3"}
