"""The real networks: numpy, the C code on this machine and every core compute the same bytes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import real
from conftest import shared

from edgeq.board import Target, load_board
from edgeq.emit import emit
from edgeq.execute import run_int
from edgeq.folder import write
from edgeq.host import HostModel, run_sanitized
from edgeq.ir import Graph, IntArray
from edgeq.lower import lower
from edgeq.pipeline import quantized_inputs
from edgeq.quant import quantize
from edgeq.recipe import load_recipe
from edgeq.target import run_folder
from edgeq.target.toolchain import execute

STRICT = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Wshadow", "-Wundef",
          "-Wcast-qual", "-Wmissing-prototypes", "-Werror")
CORES = ("cortex-m3", "cortex-m4", "cortex-m55", "cortex-a53")
SAMPLES = 3
CALIBRATION = 24  # samples: the bits must agree whatever the ranges are


@dataclass(frozen=True, eq=False)
class Net:
    """An integer graph with inputs and what run_int makes of them."""

    graph: Graph
    inputs: tuple[IntArray, ...]
    expected: Mapping[str, IntArray]


@cache
def network(name: str) -> Net:
    """Made once: real samples, and one of random integers over the whole range."""
    case = real.load(name, shared)
    ints = quantize(case.graph, case.calib[:CALIBRATION], load_recipe("fast")).graph
    (source,) = ints.ins
    (q,) = quantized_inputs(ints, {source: case.x[:SAMPLES]}).values()
    noise = np.random.default_rng(5).integers(-128, 128, q[:1].shape)
    x = np.concatenate([q, noise]).astype(np.int8)
    return Net(ints, (x,), run_int(ints, {source: x}))


def written(net: Net, board: str, folder: Path) -> Path:
    write(emit(lower(net.graph, Target(load_board(board)), "net")), folder)
    return folder


def assert_equal(net: Net, outputs: tuple[IntArray, ...]) -> None:
    for name, got in zip(net.graph.outs, outputs, strict=True):
        want = net.expected[name]
        assert got.dtype == np.int8
        assert want.std() > 0, "an output that never changes proves nothing"
        np.testing.assert_array_equal(got.reshape(want.shape), want)


def slow_unless(quick: bool) -> tuple[pytest.MarkDecorator, ...]:
    return () if quick else (pytest.mark.slow,)


@pytest.mark.qemu
@pytest.mark.parametrize(("name", "board"), [
    pytest.param(name, board, marks=slow_unless(
        (name, board) in {("ad", "cortex-m3"), ("ad", "cortex-a53"), ("kws", "cortex-m4"),
                          ("kws", "cortex-m55")}))
    for name in real.CASES for board in CORES])
def test_every_core_gives_the_bytes_of_numpy(
        name: str, board: str, tmp_path: Path) -> None:
    target = load_board(board)
    for tool in (target.compiler, target.qemu.program if target.qemu else ""):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    one = network(name)
    folder = written(one, board, tmp_path / "net")
    assert_equal(one, HostModel(folder).run(*one.inputs))
    assert_equal(one, run_folder(folder, target, one.inputs).outputs)


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=slow_unless(name in ("kws", "ad"))) for name in real.CASES])
def test_sanitizers_are_silent(name: str, tmp_path: Path) -> None:
    one = network(name)
    assert_equal(one, run_sanitized(written(one, "host", tmp_path / "net"), *one.inputs))


@pytest.mark.parametrize(("name", "board", "compiler"), [
    pytest.param(name, board, compiler, marks=slow_unless(name == "kws"))
    for name in real.CASES
    for board, compiler in (("host", "gcc"), ("host", "clang"), ("cortex-m55", ""),
                            ("cortex-m0plus", ""), ("cortex-a53", ""))])
def test_code_compiles_without_a_warning(
        name: str, board: str, compiler: str, tmp_path: Path) -> None:
    target = load_board(board)
    compiler = compiler or target.compiler
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    folder = written(network(name), board, tmp_path / "net")
    flags = (*STRICT, "-O2", *(target.cflags if board != "host" else ()),
             f"-I{folder / 'include'}", f"-I{folder / 'src'}")
    for source in (*sorted((folder / "src").glob("*.c")), folder / "example" / "main.c"):
        execute([compiler, *flags, "-c", str(source), "-o", str(tmp_path / "object.o")],
                source.name)
