"""The recipes w4a8 and w8a16: the same bytes everywhere, smaller weights, the accuracy bars."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import real

from edgeq import verify
from edgeq.board import Target, load_board
from edgeq.dataset import Preprocess, load_dataset
from edgeq.execute import run_float
from edgeq.folder import write
from edgeq.pipeline import Request, Result, build, quantized_inputs
from edgeq.quant import quantize
from edgeq.quant.split import split_weights
from edgeq.recipe import Layer, load_recipe

Shared = Callable[[str], Path]
KWS, CALIB = "models/mlperf_kws_float32.tflite", "data/mlperf_kws_calib.npz"


def built(shared: Shared, folder: Path, recipe: str, board: str) -> Result:
    """The kws folder that `edgeq build` would write."""
    result = build(Request(shared(KWS), Target(load_board(board)), str(shared(CALIB)),
                           load_recipe(recipe), Preprocess()))
    write(result.files, folder)
    return result


@pytest.mark.parametrize("recipe", ["w4a8", "w4a8-g32", "w2a8", "w8a16", "w16a16"])
def test_numpy_and_c_are_the_same_bytes(tmp_path: Path, recipe: str, shared: Shared) -> None:
    ints = built(shared, tmp_path / "kws", recipe, "host").quantized.graph
    data = load_dataset(str(shared(CALIB)), Preprocess(), ints)
    inputs = quantized_inputs(ints, data.real(0, 40))
    real.assert_host_equals(tmp_path / "kws", ints, inputs)


@pytest.mark.qemu
@pytest.mark.parametrize("board", ["cortex-m4", "cortex-m55", "cortex-a53"])
@pytest.mark.parametrize("recipe", ["w4a8", "w2a8", "w8a16"])
def test_boards_give_the_bytes_of_the_host(tmp_path: Path, recipe: str, board: str,
                                           shared: Shared) -> None:
    target = load_board(board)
    assert target.qemu is not None
    for tool in (target.compiler, target.qemu.program):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    result = built(shared, tmp_path / "kws", recipe, board)
    special = {"w4a8": "s8w4", "w2a8": "s8p", "w8a16": "s16"}[recipe]
    assert sum(special in call.func for call in result.plan.calls) >= 4
    folder = verify.open_folder(tmp_path / "kws")
    data = load_dataset(str(shared(CALIB)), folder.preprocess, verify.model_graph(folder, None))
    for inputs in (verify.noise(folder), verify.integer_inputs(folder, data, 4)):
        check = verify.check_on_board(folder, inputs, target, 120.0)
        assert check.difference is None
        assert check.values == 12 * len(inputs[0])


def test_reports_count_the_bits(tmp_path: Path, shared: Shared) -> None:
    narrow = built(shared, tmp_path / "narrow", "w4a8", "host").report
    layers = narrow["layers"]
    assert isinstance(layers, list)
    bits = [layer["bits"] for layer in layers if layer["op"] == "Conv2D"]
    assert bits == [{"weights": 4, "activations": 8}] * 5
    kept = sum(layer["weights_bytes"] for layer in layers if layer["op"] == "DepthwiseConv2D")
    assert narrow["weights_bytes"] == kept + sum(
        layer["weights_bytes"] for layer in layers if layer["bits"]["weights"] == 4)
    # 64 * 40 for the first layer, 4 * 64 * 64, 12 * 64 for the last one: half a byte each
    assert narrow["weights_bytes"] == kept + (64 * 40 + 4 * 64 * 64 + 12 * 64) // 2


@pytest.mark.slow
@pytest.mark.parametrize(("name", "points"), [("kws", 1.0), ("ic", 1.0), ("vww", 1.0)])
def test_4_bit_weights_keep_the_accuracy(name: str, points: float, shared: Shared) -> None:
    case = real.load(name, shared)
    cost = real.cost(case, case.graph,
                     quantize(case.graph, case.calib, load_recipe("w4a8")).graph)
    assert cost.lost_samples <= max(2, int(points / 100 * cost.samples)), cost


def test_16_bit_activations_beat_8_bits(shared: Shared) -> None:
    case = real.load("kws", shared)
    db = {name: real.cost(case, case.graph, quantize(case.graph, case.calib,
                                                     load_recipe(name)).graph).score.sqnr_db
          for name in ("default", "w8a16")}
    assert db["w8a16"] >= db["default"] + 18, db


def test_16_bit_weights_go_further(shared: Shared) -> None:
    case = real.load("ad", shared)
    db = {name: real.cost(case, case.graph, quantize(case.graph, case.calib,
                                                     load_recipe(name)).graph).score.sqnr_db
          for name in ("default", "w8a16", "w16a16")}
    assert db["w8a16"] >= db["default"] + 7, db
    assert db["w16a16"] >= db["default"] + 25, db


def test_two_layers_of_8_bits_are_one_of_16(shared: Shared) -> None:
    case = real.load("kws", shared)
    recipe = replace(load_recipe("fast"), layers=(
        Layer("conv_2d_2", act_bits=16, weight_bits=16),
        Layer("depthwise_conv_2d_3", act_bits=16, weight_bits=16)))
    parts = split_weights(case.graph, recipe)
    assert len(parts.ops) == len(case.graph.ops) + 4
    (want,), (got,) = (run_float(g, {g.ins[0]: case.x[:20]}).values()
                       for g in (case.graph, parts))
    np.testing.assert_allclose(got, want, atol=1e-5)
    ints = quantize(case.graph, case.calib[:8], recipe).graph
    high, low = (next(op for op in ints.ops if op.name == f"conv_2d_2@{end}")
                 for end in ("high", "low"))
    view = next(op for op in case.graph.ops if op.name == "conv_2d_2")
    total = sum(ints.tensor(op.ins[1]).params.dequantize(ints.integers(op.ins[1]))
                for op in (high, low))
    w = np.asarray(case.graph.const(view.ins[1]))
    step = np.abs(w).max((1, 2, 3), keepdims=True) / 127
    assert np.abs(total - w).max() <= 1.01 * (step / 254 / 2).max()  # of 16 bits
