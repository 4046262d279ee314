"""Models with 4-bit weights: run_int, TensorFlow Lite Micro and the portable C agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from micro import Micro
from native import Native
from tflite_writer import Value, single_op

from edgeq.execute import run_int
from edgeq.readers import read


@pytest.mark.parametrize("low", [-8, -7])
@pytest.mark.parametrize("kind", ["FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D"])
@pytest.mark.parametrize("seed", range(3))
def test_layers(native: Native, tmp_path: Path, kind: str, seed: int, low: int) -> None:
    """An odd number of weights; -8, which the kernels for 4 bits do not take, runs with 8."""
    rng = np.random.default_rng(seed)
    dense, conv = kind == "FULLY_CONNECTED", kind == "CONV_2D"
    shape = (7, 61) if dense else (7, 3, 3, 5) if conv else (1, 3, 3, 5)
    out_c = 7 if dense or conv else 5
    data = rng.integers(low, 8, shape).astype(np.int8)
    data.reshape(-1)[0] = low
    scales = tuple(float(np.float32(s)) for s in rng.uniform(0.01, 0.1, out_c))
    w = Value("w", shape, 0.05, data=data, kind="int4", scales=() if dense else scales,
              axis=0 if conv else 3)
    bias = Value("b", (out_c,), 0.05 * 0.02, data=rng.integers(-900, 900, out_c).astype(np.int32),
                 scales=() if dense else tuple(s * 0.02 for s in scales))
    options = getattr(schema, {"FULLY_CONNECTED": "FullyConnectedOptionsT",
                               "CONV_2D": "Conv2DOptionsT"}.get(kind, "DepthwiseConv2DOptionsT"))()
    if not dense:
        options.padding, options.strideH, options.strideW = schema.Padding.SAME, 2, 1
    if not (dense or conv):
        options.depthMultiplier = 1
    x = Value("x", (1, 61) if dense else (1, 7, 6, 5), 0.02, 11)
    y = Value("y", (1, 7) if dense else (1, 4, 6, out_c), 0.6, -5)
    model = single_op(kind, [x, w, bias], [y], options)
    (tmp_path / "one.tflite").write_bytes(model)
    graph, micro = read(tmp_path / "one.tflite"), Micro(model)
    np.testing.assert_array_equal(graph.const("w"), data)
    assert graph.tensor("w").params.bits == 4
    for _ in range(3):
        q = rng.integers(-128, 128, x.shape).astype(np.int8)
        want = run_int(graph, {"x": q})["y"]
        np.testing.assert_array_equal(native.run(graph.ops[0], graph, q)[0], want)
        np.testing.assert_array_equal(micro.run(q)[0], want)
