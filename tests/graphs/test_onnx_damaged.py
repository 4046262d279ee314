"""Damaged .onnx files: every one is read, or refused with an EdgeqError; nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")

from onnx_models import OnnxFile  # noqa: E402

from edgeq.errors import EdgeqError, ModelError  # noqa: E402
from edgeq.passes import simplify  # noqa: E402
from edgeq.readers import read, verdicts  # noqa: E402

bounded = settings(max_examples=150, deadline=5000, derandomize=True,
                   suppress_health_check=[HealthCheck.function_scoped_fixture])


def mixed(folder: Path) -> Path:
    """A small model of many kinds of nodes."""
    m = OnnxFile(13)
    m.input("x", ("n", 4, 6, 6))
    m.op("Conv", ["x", m.random("w", 4, 1, 3, 3)], "c", group=4, pads=[1, 1, 1, 1])
    m.op("Pad", ["c", m.integers("pads", 0, 0, 1, 1, 0, 0, 1, 1)], "p")
    m.op("MaxPool", ["p"], "m", kernel_shape=[2, 2], strides=[2, 2])
    m.op("Split", ["m", m.integers("parts", 1, 3)], ["a", "b"], axis=1)
    m.op("Concat", ["b", "a"], "j", axis=1)
    m.op("Transpose", ["j"], "t", perm=[0, 2, 3, 1])
    m.op("Slice", ["t", m.integers("s", 0), m.integers("e", 3), m.integers("ax", 1)], "sl")
    m.op("ReduceMean", ["sl"], "r", axes=[1], keepdims=0)
    m.op("Resize", ["r", "", m.const("scales", m.rng.uniform(1, 2, 3).round().astype("f4"))], "u",
         mode="linear")
    m.op("Shape", ["u"], "shape")
    m.op("Reshape", ["u", m.integers("to", 1, -1)], "f")
    m.op("Softmax", ["f"], "y", axis=-1)
    return m.write(folder / "mixed.onnx", "y", "shape")


@pytest.fixture(params=["mnist", "mixed"])
def model(request: pytest.FixtureRequest, shared: Callable[[str], Path], tmp_path: Path) -> Path:
    return shared("models/mnist_float32.onnx") if request.param == "mnist" else mixed(tmp_path)


def survives(blob: bytes, folder: Path) -> bool:
    """True where `blob` is read; False where it is refused as it should be."""
    path = folder / "damaged.onnx"
    path.write_bytes(blob)
    try:
        verdicts(path)
        simplify(read(path))
    except EdgeqError:
        return False
    return True


def test_an_intact_model_survives(model: Path, tmp_path: Path) -> None:
    assert survives(model.read_bytes(), tmp_path)


@bounded
@given(share=st.floats(0, 1, exclude_max=True))
def test_truncated(model: Path, tmp_path: Path, share: float) -> None:
    path = tmp_path / "short.onnx"
    blob = model.read_bytes()
    path.write_bytes(blob[: int(share * len(blob))])
    with pytest.raises(ModelError):
        read(path)


@bounded
@given(data=st.data())
def test_flipped_bits(model: Path, tmp_path: Path, data: st.DataObject) -> None:
    blob = bytearray(model.read_bytes())
    size = len(blob)
    where = st.one_of(st.integers(0, min(size, 3000) - 1), st.integers(0, size - 1),
                      st.integers(max(0, size - 3000), size - 1))
    for _ in range(data.draw(st.integers(1, 4))):
        blob[data.draw(where)] ^= 1 << data.draw(st.integers(0, 7))
    survives(bytes(blob), tmp_path)


@bounded
@given(st.binary(max_size=300))
def test_random_bytes(tmp_path: Path, noise: bytes) -> None:
    assert not survives(noise, tmp_path)


def test_a_constant_of_gigabytes_is_refused(tmp_path: Path) -> None:
    """Neither the reader nor ONNX's shape inference makes it."""
    m = OnnxFile()
    m.input("x", (1, 4))
    m.op("ConstantOfShape", [m.integers("size", 1 << 32)], "huge")
    m.op("Concat", ["huge", "huge"], "more", axis=0)
    m.op("Add", ["x", "more"], "y")
    path = m.write(tmp_path / "m.onnx", "y")
    with pytest.raises(EdgeqError, match="a constant of 4294967296 values"):
        read(path)
    assert [v.supported for v in verdicts(path)] == [False, False, False]


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        read(tmp_path / "none.onnx")
