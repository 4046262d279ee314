"""What the TFLite reader makes of unusual but sound files, and what it says to others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tflite
from tflite_models import ModelFile, conv_options, dense_options

from edgeq.errors import ModelError, UnsupportedError
from edgeq.execute import run_float, run_int
from edgeq.ops.conv2d import Conv2D
from edgeq.readers import read, verdicts

RNG = np.random.default_rng(11)
W = RNG.normal(size=(4, 3, 3, 2)).astype(np.float32)
X = RNG.normal(size=(2, 5, 5, 2)).astype(np.float32)


def test_float16_weights_behind_dequantize(tmp_path: Path) -> None:
    m = ModelFile()
    x, y = m.tensor("x", (1, 5, 5, 2)), m.tensor("y", (1, 5, 5, 4))
    half, full = m.const("half", W.astype(np.float16)), m.tensor("full", W.shape)
    m.op("DEQUANTIZE", [half], [full])
    m.op("CONV_2D", [x, full, -1], [y], conv_options())
    graph = read(m.write(tmp_path / "m.tflite", [x], [y]))
    (conv,) = graph.ops
    np.testing.assert_array_equal(graph.const(conv.ins[1]), W.astype(np.float16))
    assert graph.const(conv.ins[1]).dtype == np.float32
    np.testing.assert_array_equal(graph.const(conv.ins[2]), np.zeros(4, np.float32))


@pytest.mark.parametrize("behind", [True, False])
def test_int8_weights_of_a_float_layer(tmp_path: Path, behind: bool) -> None:
    """Weight-only quantization, with a DEQUANTIZE node or without (dynamic range)."""
    m = ModelFile()
    codes = RNG.integers(-127, 128, W.shape).astype(np.int8)
    x, y = m.tensor("x", (1, 5, 5, 2)), m.tensor("y", (1, 5, 5, 4))
    w = m.const("w", codes, (0.5, 0))
    if behind:
        real = m.tensor("real", W.shape)
        m.op("DEQUANTIZE", [w], [real])
        w = real
    m.op("CONV_2D", [x, w], [y], conv_options())
    graph = read(m.write(tmp_path / "m.tflite", [x], [y]))
    np.testing.assert_array_equal(graph.const(graph.ops[0].ins[1]), codes * np.float32(0.5))


def int8_conv(m: ModelFile, x: int, dtype: str = "int8") -> int:
    w = m.const("w", RNG.integers(-127, 128, W.shape).astype(np.int8), (0.01, 0))
    y = m.tensor("y", (1, 5, 5, 4), dtype, (0.2, 7 + 128 * (dtype == "uint8")))
    m.op("CONV_2D", [x, w, -1], [y], conv_options())
    return y


def test_quantize_and_dequantize_at_the_borders(tmp_path: Path) -> None:
    m = ModelFile()
    x, q = m.tensor("x", (1, 5, 5, 2)), m.tensor("xq", (1, 5, 5, 2), "int8", (0.1, -3))
    m.op("QUANTIZE", [x], [q])
    y = int8_conv(m, q)
    real = m.tensor("real", (1, 5, 5, 4))
    m.op("DEQUANTIZE", [y], [real])
    path = m.write(tmp_path / "m.tflite", [x], [real])
    graph = read(path)
    assert (graph.ins, graph.outs) == (("xq",), ("y",))
    assert int(graph.tensor("xq").params.zero) == -3
    bias = graph.tensor(graph.ops[0].ins[2])
    assert bias.params.bits == 32
    assert float(bias.params.scale) == pytest.approx(0.1 * 0.01, rel=1e-6)
    assert [v.note for v in verdicts(path)] == ["needs no operator", "Conv2D", "needs no operator"]


def test_uint8_borders_are_int8_shifted(tmp_path: Path) -> None:
    m = ModelFile()
    x = m.tensor("x", (1, 5, 5, 2), "uint8", (0.1, 125))
    q = m.tensor("xq", (1, 5, 5, 2), "int8", (0.1, -3))
    m.op("QUANTIZE", [x], [q])
    graph = read(m.write(tmp_path / "m.tflite", [x], [int8_conv(m, q)]))
    assert len(graph.ops) == 1
    assert int(graph.tensor(graph.ins[0]).params.zero) == -3


def test_requantization_inside_the_graph(tmp_path: Path) -> None:
    m = ModelFile()
    x = m.tensor("x", (1, 5, 5, 2), "int8", (0.1, -3))
    y = int8_conv(m, x)
    z = m.tensor("z", (1, 5, 5, 4), "int8", (0.4, 0))
    m.op("QUANTIZE", [y], [z])
    graph = read(m.write(tmp_path / "m.tflite", [x], [z]))
    out = run_int(graph, {"x": np.zeros((1, 5, 5, 2), np.int8)}, keep=graph.tensors)
    real = graph.tensor("y").params.dequantize(out["y"])
    assert np.max(np.abs(graph.tensor("z").params.quantize(real).astype(int) - out["z"])) <= 1


@pytest.mark.parametrize("keep", [True, False])
def test_dense_of_higher_rank(tmp_path: Path, keep: bool) -> None:
    m = ModelFile()
    w = RNG.normal(size=(5, 6)).astype(np.float32)
    x = m.tensor("x", (1, 4, 6))
    y = m.tensor("y", (1, 4, 5) if keep else (4, 5))
    m.op("FULLY_CONNECTED", [x, m.const("w", w)], [y], dense_options(keep=keep))
    graph = read(m.write(tmp_path / "m.tflite", [x], [y]))
    x_data = RNG.normal(size=(3, 4, 6)).astype(np.float32)
    got = run_float(graph, {"x": x_data})["y"]
    want = (x_data.astype(np.float64) @ w.T).reshape((3, 4, 5) if keep else (12, 5))
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_weights_computed_from_constants(tmp_path: Path) -> None:
    m = ModelFile()
    x, y = m.tensor("x", (1, 5, 5, 2)), m.tensor("y", (1, 5, 5, 4))
    flat, w = m.const("flat", W.reshape(-1)), m.tensor("w", W.shape)
    m.op("RESHAPE", [flat, m.const("shape", np.array(W.shape, np.int32))], [w])
    m.op("CONV_2D", [x, w], [y], conv_options(tflite.ActivationFunctionType.RELU6))
    graph = read(m.write(tmp_path / "m.tflite", [x], [y]))
    assert [type(op) for op in graph.ops] == [Conv2D]
    np.testing.assert_array_equal(graph.const("w"), W)


def test_dynamic_batch_becomes_one(tmp_path: Path) -> None:
    m = ModelFile()
    x, y = m.tensor("x", (-1, 5, 5, 2)), m.tensor("y", (-1, 5, 5, 4))
    m.op("CONV_2D", [x, m.const("w", W)], [y], conv_options())
    graph = read(m.write(tmp_path / "m.tflite", [x], [y]))
    assert graph.tensor("x").shape == (1, 5, 5, 2)
    assert run_float(graph, {"x": X})["y"].shape == (2, 5, 5, 4)


def test_unsupported_nodes_name_themselves(tmp_path: Path) -> None:
    m = ModelFile()
    x, y, z = (m.tensor(n, (1, 5, 5, 2)) for n in "xyz")
    m.op("WHERE", [x], [y])
    m.op("CONV_2D", [y, m.const("w", W[:2])], [z],
         conv_options(tflite.ActivationFunctionType.TANH))
    path = m.write(tmp_path / "m.tflite", [x], [z])
    with pytest.raises(UnsupportedError) as caught:
        read(path)
    assert caught.value.where == "WHERE (node 0, reads 'x')"
    assert caught.value.fix
    first, second = verdicts(path)
    assert (first.supported, second.supported) == (False, False)
    assert "fused activation" in second.note
    assert "separate activation" in second.note


def test_complex_numbers_are_refused_where_they_stand(tmp_path: Path) -> None:
    m = ModelFile()
    x, y, z = (m.tensor(n, (1, 5, 5, 2)) for n in "xyz")
    c, d = (m.tensor(n, (1, 5, 5, 2), "complex64") for n in "cd")
    m.op("RELU", [x], [y])
    m.op("RFFT2D", [y], [c])
    m.op("RESHAPE", [c], [d])
    m.op("COMPLEX_ABS", [d], [z])
    path = m.write(tmp_path / "m.tflite", [x], [z])
    with pytest.raises(UnsupportedError, match=r"RFFT2D \(node 1"):
        read(path)
    found = verdicts(path)
    assert [v.supported for v in found] == [True, False, False, False]
    assert "type COMPLEX64" in found[2].note


def test_an_input_of_texts_is_refused(tmp_path: Path) -> None:
    m = ModelFile()
    x, y = m.tensor("x", (1, 2), "string"), m.tensor("y", (1, 2))
    m.op("RELU", [x], [y])
    with pytest.raises(UnsupportedError, match="'x': type STRING"):
        read(m.write(tmp_path / "m.tflite", [x], [y]))


def test_mixed_floats_and_integers(tmp_path: Path) -> None:
    m = ModelFile()
    x = m.tensor("x", (1, 5, 5, 2), "int8", (0.1, -3))
    y = int8_conv(m, x)
    real, z = m.tensor("real", (1, 5, 5, 4)), m.tensor("z", (1, 5, 5, 4))
    m.op("DEQUANTIZE", [y], [real])
    m.op("RELU", [real], [z])
    with pytest.raises(UnsupportedError, match="'z': is not quantized, but 'x' is"):
        read(m.write(tmp_path / "m.tflite", [x], [z]))


@pytest.mark.parametrize(("shape", "found"), [
    ((1, 5, 5, 3), "shape"), ((1, 1 << 20, 1 << 20, 4), "shape"), ((1, 0, 5, 4), "shape")])
def test_shapes_that_disagree(tmp_path: Path, shape: tuple[int, ...], found: str) -> None:
    m = ModelFile()
    x, y = m.tensor("x", (1, 5, 5, 2)), m.tensor("y", shape)
    m.op("CONV_2D", [x, m.const("w", W)], [y], conv_options())
    with pytest.raises(ModelError, match=found):
        read(m.write(tmp_path / "m.tflite", [x], [y]))


def test_constants_that_are_not_numbers(tmp_path: Path) -> None:
    m = ModelFile()
    w = W.copy()
    w[0, 0, 0, 0] = np.nan
    x, y = m.tensor("x", (1, 5, 5, 2)), m.tensor("y", (1, 5, 5, 4))
    m.op("CONV_2D", [x, m.const("w", w)], [y], conv_options())
    with pytest.raises(ModelError, match="NaN"):
        read(m.write(tmp_path / "m.tflite", [x], [y]))
