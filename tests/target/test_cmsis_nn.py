"""Adapters to CMSIS-NN against a real checkout: set EDGEQ_CMSIS_NN to its path."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from target.kernel_program import Trial, run_trials
from target.test_kernels import FAMILIES, PLAIN, Family, plain_graph

from edgeq.board import CmsisIsa, Target, load_board
from edgeq.cli import app
from edgeq.cmsis_nn import cmsis_include, cmsis_sources
from edgeq.emit import emit
from edgeq.errors import UsageError
from edgeq.execute import run_int
from edgeq.folder import write
from edgeq.ir import Graph
from edgeq.kernels import cmsis_nn
from edgeq.kernels.base import MacKernel, MacLayer, choose
from edgeq.lower import lower
from edgeq.ops.softmax import Softmax
from edgeq.readers import read
from edgeq.target import profile_folder, run_folder
from edgeq.target.library import cmsis_job

BOARDS = {"cmsis_mve": "cortex-m55", "cmsis_dsp": "cortex-m4", "cmsis_c": "cortex-m0plus"}
GEOMETRY = ("in_h", "in_w", "in_c", "out_h", "out_w", "out_c", "kh", "kw", "stride_h", "stride_w",
            "pad_top", "pad_left", "dil_h", "dil_w")


@pytest.fixture(scope="session")
def checkout() -> Path:
    path = os.environ.get("EDGEQ_CMSIS_NN")
    if not path:
        pytest.skip("EDGEQ_CMSIS_NN does not name a checkout of CMSIS-NN")
    return Path(path)


def need(*tools: str) -> None:
    if missing := [t for t in tools if shutil.which(t) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")


def kernel_of(family: Family, isa: str) -> MacKernel:
    return next(k for k in family.kernels if k.isa == isa)


@pytest.mark.qemu
@pytest.mark.parametrize("isa", BOARDS)
@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_mac_layers_equal_the_portable_kernels(family: Family, isa: str, checkout: Path) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm")
    board, rng, pairs = load_board(BOARDS[isa]), np.random.default_rng(11), []
    target, kernel = Target(board, cmsis_nn=checkout), kernel_of(family, isa)
    for layer in family.layers(rng):
        x = rng.integers(-128, 128, layer.in_h * layer.in_w * layer.in_c).astype(np.int8)
        if kernel.fits(layer, target):
            assert choose(family.kernels, layer, target) is kernel
            size = layer.out_h * layer.out_w * layer.out_c
            pairs += [Trial(family.call(layer, k), (x,), size) for k in (family.portable, kernel)]
    assert len(pairs) > 20
    outcomes = run_trials(board, pairs, beside=(cmsis_job(checkout, ()),))
    for i in range(0, len(pairs), 2):
        wrong = np.flatnonzero(outcomes[i].output != outcomes[i + 1].output)
        assert wrong.size == 0, (pairs[i + 1].call.fields[:18], wrong[:10])


def softmax_graphs(rng: np.random.Generator) -> Iterator[Graph]:
    for rows, c, scale in ((1, 12, 0.1), (3, 5, 0.5), (2, 33, 0.01), (1, 1, 1.0), (4, 16, 3.0)):
        op = Softmax(name="softmax", ins=("x",), outs=("y",))
        yield plain_graph(op, ((rows, c),), (scale, 1 / 256), (int(rng.integers(-128, 128)), -128))


OPERATORS: dict[str, Callable[[np.random.Generator], Iterator[Graph]]] = {
    **{name: graphs for name, graphs in PLAIN.items() if name in ("add", "avgpool", "maxpool")},
    "softmax": softmax_graphs,
}


@pytest.mark.qemu
@pytest.mark.parametrize("isa", BOARDS)
@pytest.mark.parametrize("name", OPERATORS)
def test_operators_without_weights(name: str, isa: str, checkout: Path) -> None:
    """What they compute is what `run_int` specifies."""
    need("arm-none-eabi-gcc", "qemu-system-arm")
    board, rng = load_board(BOARDS[isa]), np.random.default_rng(5)
    trials, expected = [], []
    for g in OPERATORS[name](rng):
        (op,) = g.ops
        xs = tuple(rng.integers(-128, 128, g.tensor(n).shape).astype(np.int8) for n in op.ins)
        (call,) = op.lower(g, Target(board, cmsis_nn=checkout))
        assert call.func.endswith("_cmsis")
        expected.append(op.run_int(g, *xs)[0].reshape(-1))
        order = tuple(xs[op.ins.index(n)] for n in call.ins)
        trials.append(Trial(call, order, expected[-1].size, dying=call.overlap[0] is not None))
    outcomes = run_trials(board, trials, beside=(cmsis_job(checkout, ()),))
    for i, outcome in enumerate(outcomes):
        wrong = np.flatnonzero(outcome.output != expected[i])
        assert wrong.size == 0, (i, trials[i].call.fields, wrong[:10])


_SIZES = """
#include "arm_nnfunctions.h"
/* v: in_h in_w in_c out_h out_w out_c kh kw stride_h stride_w pad_top pad_left dil_h dil_w */
int size(const int *v, int depthwise, int mve)
{
    const cmsis_nn_dims in = {1, v[0], v[1], v[2]}, out = {1, v[3], v[4], v[5]};
    if (depthwise) {
        const cmsis_nn_dims filter = {1, v[6], v[7], v[5]};
        const cmsis_nn_dw_conv_params p = {0, 0, v[5] / v[2], {v[9], v[8]}, {v[11], v[10]},
                                           {v[13], v[12]}, {-128, 127}};
        return mve ? arm_depthwise_conv_wrapper_s8_get_buffer_size_mve(&p, &in, &filter, &out)
                   : arm_depthwise_conv_wrapper_s8_get_buffer_size_dsp(&p, &in, &filter, &out);
    }
    const cmsis_nn_dims filter = {v[5], v[6], v[7], v[2]};
    const cmsis_nn_conv_params p = {0, 0, {v[9], v[8]}, {v[11], v[10]}, {v[13], v[12]},
                                    {-128, 127}};
    return mve ? arm_convolve_wrapper_s8_get_buffer_size_mve(&p, &in, &filter, &out)
               : arm_convolve_wrapper_s8_get_buffer_size_dsp(&p, &in, &filter, &out);
}
"""


def test_scratch_is_what_the_checkout_asks_for(checkout: Path, tmp_path: Path) -> None:
    """Its own size functions, compiled for this machine, against our formulas."""
    need("gcc")
    source, library = tmp_path / "size.c", tmp_path / "size.so"
    source.write_text(_SIZES)
    sizes = [path for path in cmsis_sources(checkout) if "buffer_sizes_s8" in path.name
             and path.name.startswith(("arm_convolve", "arm_depthwise"))]
    subprocess.run(["gcc", "-w", "-shared", "-fPIC", "-O1", f"-I{cmsis_include(checkout)}",
                    str(source), *map(str, sizes), "-o", str(library)], check=True)
    size = ctypes.CDLL(str(library)).size
    rng, seen = np.random.default_rng(2), 0
    for family in FAMILIES[:2]:
        depthwise = family.name == "depthwise"
        formula = cmsis_nn.depthwise_scratch if depthwise else cmsis_nn.conv_scratch
        for layer in family.layers(rng):
            values = (ctypes.c_int * 14)(*(getattr(layer, name) for name in GEOMETRY))
            for isa in (CmsisIsa.MVE, CmsisIsa.DSP):
                kernel = kernel_of(family, isa.value)
                if kernel.fits(layer, Target(load_board("cortex-m4"), cmsis_nn=checkout)):
                    asked = size(values, int(depthwise), int(isa is CmsisIsa.MVE))
                    assert formula(isa, layer) >= asked, values[:]
                    seen += 1
    assert seen > 50


@pytest.mark.qemu
@pytest.mark.parametrize("board_name", ["cortex-m4", "cortex-m55"])
def test_keyword_model(board_name: str, checkout: Path, shared: Callable[[str], Path],
                       tmp_path: Path) -> None:
    """The published int8 model: the same bytes, and more instructions than our own kernels."""
    need("arm-none-eabi-gcc", "qemu-system-arm", "cc")
    graph, board = read(shared("models/mlperf_kws_int8.tflite")), load_board(board_name)
    instructions = {}
    x = np.random.default_rng(1).integers(-128, 128, (2, 490)).astype(np.int8)
    expected = run_int(graph, {graph.ins[0]: x.reshape(2, 49, 10, 1)})[graph.outs[0]]
    for backend in (None, checkout):
        plan = lower(graph, Target(board, cmsis_nn=backend), "kws")
        folder = tmp_path / ("own" if backend is None else "cmsis")
        write(emit(plan), folder)
        (output,) = run_folder(folder, board, [x]).outputs
        np.testing.assert_array_equal(output.reshape(2, -1), expected.reshape(2, -1))
        instructions[folder.name] = profile_folder(folder, board).instructions
        if backend is not None:
            macs = [c for c in plan.calls if c.op not in ("Reshape",)]
            assert all(call.func.endswith("_cmsis") for call in macs)
    print(f"kws on {board_name}: {instructions}")
    assert instructions["own"] < instructions["cmsis"]


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["make", "cmake"])
def test_the_build_files_find_it(tool: str, checkout: Path, tmp_path: Path) -> None:
    need("arm-none-eabi-gcc", tool)
    graph = next(PLAIN["add"](np.random.default_rng(0)))
    write(emit(lower(graph, Target(load_board("cortex-m4"), cmsis_nn=checkout), "m")),
          tmp_path / "out")
    commands = ([["make", "-j2"]] if tool == "make"
                else [["cmake", "-B", "build"], ["cmake", "--build", "build", "-j2"]])
    for command in commands:
        subprocess.run(command, cwd=tmp_path / "out", check=True, stdout=subprocess.DEVNULL)
    assert (tmp_path / "out" / "build" / "libm.a").is_file()


def one_layer(board: str) -> tuple[MacLayer, Target]:
    rng = np.random.default_rng(4)
    return (next(FAMILIES[0].layers(rng)),
            Target(load_board(board), cmsis_nn=Path("/any/cmsis-nn")))


@pytest.mark.parametrize(("board", "isa"), [
    ("cortex-m0plus", "cmsis_c"), ("cortex-m3", "cmsis_c"), ("cortex-m33", "cmsis_dsp"),
    ("cortex-m85", "cmsis_mve")])
def test_the_core_decides_the_adapter(board: str, isa: str) -> None:
    layer, target = one_layer(board)
    assert target.isa == (isa, *target.board.isa)
    assert choose(FAMILIES[0].kernels, layer, target).isa == isa
    own = replace(target, cmsis_nn=None)
    assert not choose(FAMILIES[0].kernels, layer, own).isa.startswith("cmsis")


def test_the_bias_is_unfolded() -> None:
    """Behind the weights lie bias + in_zero * sum(w), multiplier and shift as int32."""
    layer, _ = one_layer("cortex-m4")
    rows = layer.weights.reshape(layer.out_c, -1).astype(np.int64)
    packed = cmsis_nn.pack(layer)
    assert np.array_equal(packed[:rows.size], rows.reshape(-1))
    tables = packed[-12 * layer.out_c:].view("<i4").reshape(3, -1)
    assert np.array_equal(tables[0] - layer.in_zero * rows.sum(1), layer.bias)
    assert np.array_equal(tables[1], layer.mult)
    assert np.array_equal(tables[2], layer.shift)


@pytest.mark.parametrize(("arguments", "found"), [
    (("--board", "cortex-m4", "--kernels", "cmsis-nn"), "no checkout of CMSIS-NN is named"),
    (("--board", "cortex-m4", "--kernels", "cmsis-nn", "--cmsis-nn", "."), "no Include"),
    (("--board", "cortex-a53", "--kernels", "cmsis-nn", "--cmsis-nn", "FAKE"), "is not for"),
])
def test_wrong_use(arguments: tuple[str, ...], found: str, tmp_path: Path) -> None:
    (tmp_path / "Include").mkdir()
    (tmp_path / "Include" / "arm_nnfunctions.h").touch()
    words = [str(tmp_path) if word == "FAKE" else word for word in arguments]
    result = CliRunner().invoke(app, ["build", *words, "-o", str(tmp_path / "out")],
                                env={"EDGEQ_CMSIS_NN": ""})
    assert isinstance(result.exception, UsageError)
    assert found in str(result.exception)
