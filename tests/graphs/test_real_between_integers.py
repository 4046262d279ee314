"""Quantized files with real operators in the middle, as TensorFlow's converter leaves them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tflite_models import ModelFile, schema
from tflite_writer import Reference

from edgeq.errors import UnsupportedError
from edgeq.execute import run_int
from edgeq.readers import read

SHAPE, IN, OUT = (1, 4, 6), (0.05, -3), (0.02, 20)


def model(folder: Path, kind: str, options: object = None, back: bool = True,
          scale: float = IN[0]) -> bytes:
    """DEQUANTIZE, `kind` on reals and, where `back`, QUANTIZE to other parameters."""
    file = ModelFile()
    x = file.tensor("x", SHAPE, "int8", (scale, IN[1]))
    real, y, q = file.tensor("real", SHAPE), file.tensor("y", SHAPE), 0
    file.op("DEQUANTIZE", [x], [real])
    file.op(kind, [real], [y], options)
    if back:
        q = file.tensor("q", SHAPE, "int8", OUT)
        file.op("QUANTIZE", [y], [q])
    file.write(folder / "mixed.tflite", [x], [q if back else y])
    return (folder / "mixed.tflite").read_bytes()


def every(rng: np.random.Generator) -> np.ndarray:
    """Batches that hold all int8 values."""
    codes = np.resize(rng.permutation(np.arange(-128, 128)), (11, *SHAPE[1:]))
    return codes.astype(np.int8)


@pytest.mark.parametrize("kind", ["ELU", "EXP", "SQUARE", "LOGISTIC", "TANH", "SIN", "ABS"])
def test_functions_give_litert_s_bytes(tmp_path: Path, kind: str) -> None:
    # LiteRT's only kernel of ELU comes with a QUANTIZE that rounds halves otherwise: none there
    data = model(tmp_path, kind, scale=0.0473 if kind == "ELU" else IN[0])
    graph, x = read(tmp_path / "mixed.tflite"), every(np.random.default_rng(1))
    (op,) = graph.ops
    assert graph.tensor(op.outs[0]).params.zero == OUT[1]
    reference = Reference(data, kind != "ELU")
    got = run_int(graph, {"x": x})[graph.outs[0]]
    for i in range(len(x)):
        np.testing.assert_array_equal(got[i:i + 1], reference.run(x[i:i + 1])[0])


def test_what_moves_values_keeps_their_parameters(tmp_path: Path) -> None:
    file = ModelFile()
    x = file.tensor("x", (1, 2, 3), "int8", IN)
    real = file.tensor("real", (1, 2, 3))
    a, b = (file.tensor(n, (1, 3)) for n in "ab")
    qa, qb = (file.tensor(f"q{n}", (1, 3), "int8", IN) for n in "ab")
    options = schema.UnpackOptionsT()
    options.num, options.axis = 2, 1
    file.op("DEQUANTIZE", [x], [real])
    file.op("UNPACK", [real], [a, b], options)
    file.op("QUANTIZE", [a], [qa])
    file.op("QUANTIZE", [b], [qb])
    file.write(tmp_path / "m.tflite", [x], [qa, qb])
    graph = read(tmp_path / "m.tflite")
    values = np.arange(6, dtype=np.int8).reshape(1, 2, 3)
    got = run_int(graph, {"x": values})
    np.testing.assert_array_equal(np.concatenate([got[n] for n in graph.outs]), values[0])


def test_a_real_softmax_at_the_end(tmp_path: Path) -> None:
    """Networks trained with 4-bit weights end like this; the library gives 1/256 steps."""
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    data = model(tmp_path, "SOFTMAX", options, back=False)
    graph, x = read(tmp_path / "mixed.tflite"), every(np.random.default_rng(2))
    (out,) = graph.outs
    real = graph.tensor(out).params.dequantize(run_int(graph, {"x": x})[out])
    reference = Reference(data)
    want = np.concatenate([reference.run(x[i:i + 1])[0] for i in range(len(x))])
    assert np.abs(real - want).max() <= 1 / 256


def test_a_real_result_of_no_range_is_refused(tmp_path: Path) -> None:
    model(tmp_path, "SQUARE", back=False)
    with pytest.raises(UnsupportedError, match="is not quantized"):
        read(tmp_path / "mixed.tflite")


def test_zeros_may_have_a_scale_of_0(tmp_path: Path) -> None:
    """TensorFlow's converter writes it in 16x8 files."""
    file = ModelFile()
    x = file.tensor("x", (1, 5), "int16", (1e-4, 0))
    zeros = file.const("zeros", np.zeros(5, np.int16), (0.0, 0))
    y = file.tensor("y", (1, 5), "int16", (1e-4, 0))
    options = schema.AddOptionsT()
    options.potScaleInt16 = False
    file.op("ADD", [x, zeros], [y], options)
    file.write(tmp_path / "m.tflite", [x], [y])
    values = np.array([[-32768, -1, 0, 9, 32767]], np.int16)
    got = run_int(read(tmp_path / "m.tflite"), {"x": values})["y"]
    assert np.abs(got.astype(int) - values).max() <= 1
