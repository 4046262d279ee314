"""Published int8 models: every output byte as TensorFlow Lite Micro gives it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from micro import Micro

from edgeq.execute import run_int
from edgeq.passes import simplify
from edgeq.readers import read

INPUTS = 200  # a model


@pytest.mark.slow
@pytest.mark.parametrize("name", ["kws", "ic", "vww", "ad"])
def test_int8_models(name: str, shared: Callable[[str], Path]) -> None:
    """200 inputs, half of them any bytes, half of them smooth ones as of images and spectra."""
    path = shared(f"models/mlperf_{name}_int8.tflite")
    graph, micro = simplify(read(path)), Micro(path.read_bytes())
    shape = (INPUTS, *graph.tensor(graph.ins[0]).shape[1:])
    rng = np.random.default_rng(11)
    x = rng.integers(-128, 128, shape)
    smooth = np.cumsum(rng.normal(0, 6, shape), axis=1) + rng.normal(0, 40, (INPUTS,) + (1,) * (
        len(shape) - 1))
    x[::2] = np.clip(np.round(smooth[::2]), -128, 127)
    x = x.astype(np.int8)
    got = run_int(graph, {graph.ins[0]: x})
    for i in range(INPUTS):
        for name, want in zip(graph.outs, micro.run(x[i:i + 1]), strict=True):
            np.testing.assert_array_equal(got[name][i:i + 1], want, f"input {i}")
