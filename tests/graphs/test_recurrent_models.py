"""The real LSTM and GRU: within two points of float, and whole on the host."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeq.board import Target, load_board
from edgeq.emit import emit
from edgeq.execute import run_float, run_int
from edgeq.folder import write
from edgeq.host import HostModel
from edgeq.lower import lower
from edgeq.passes import simplify
from edgeq.quant import quantize
from edgeq.readers import read
from edgeq.recipe import load_recipe

MODELS = [("arm_kws_lstm_s_float32.tflite", "arm_kws_mfcc", 0.8667),
          ("arm_kws_lstm_s_float32.onnx", "arm_kws_mfcc", 0.8667),
          ("arm_kws_gru_s_float32.onnx", "arm_kws_gru_mfcc", 0.8667)]


@pytest.mark.parametrize("recipe", ["default", "dynamic"])
@pytest.mark.parametrize(("model", "data", "published"), MODELS)
def test_accuracy_and_c(model: str, data: str, published: float, recipe: str,
                        shared: Callable[[str], Path], tmp_path: Path) -> None:
    graph = simplify(read(shared(f"models/{model}")))
    calib, evaluation = (np.load(shared(f"data/{data}_{part}.npz")) for part in ("calib", "eval"))
    x, y = evaluation["x"].astype(np.float32), evaluation["y"]
    real = next(iter(run_float(graph, {graph.ins[0]: x}).values()))
    float_accuracy = float((real.argmax(1) == y).mean())
    assert abs(float_accuracy - published) < 1e-3

    ints = quantize(graph, calib["x"].astype(np.float32), load_recipe(recipe)).graph
    q = ints.tensor(ints.ins[0]).params.quantize(x)
    got = next(iter(run_int(ints, {ints.ins[0]: q}).values()))
    assert float((got.argmax(1) == y).mean()) >= float_accuracy - 0.02
    assert float((got.argmax(1) == real.argmax(1)).mean()) >= 0.96

    plan = lower(ints, Target(load_board("cortex-m55")), "kws")
    write(emit(plan), tmp_path / "kws")
    host = HostModel(tmp_path / "kws")
    np.testing.assert_array_equal(host.run(q)[0].reshape(got.shape), got)
