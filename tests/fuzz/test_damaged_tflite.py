"""Damaged .tflite files: every one is read, or refused with an EdgeqError; nothing else."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeq.errors import EdgeqError, ModelError
from edgeq.passes import simplify
from edgeq.readers import read, verdicts

MODELS = ("mlperf_kws_float32.tflite", "mlperf_kws_int8.tflite")
bounded = settings(max_examples=150, deadline=2000, derandomize=True,
                   suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest, shared: Callable[[str], Path]) -> Path:
    return shared(f"models/{request.param}")


def survives(blob: bytes, folder: Path) -> bool:
    """True where `blob` is read; False where it is refused as it should be."""
    path = folder / "damaged.tflite"
    path.write_bytes(blob)
    try:
        verdicts(path)
        simplify(read(path))
    except EdgeqError:
        return False
    return True


@bounded
@given(share=st.floats(0, 1, exclude_max=True))
def test_truncated(model: Path, tmp_path: Path, share: float) -> None:
    path = tmp_path / "short.tflite"
    blob = model.read_bytes()
    path.write_bytes(blob[: int(share * (len(blob) - 8))])
    with pytest.raises(ModelError):
        read(path)


@bounded
@given(data=st.data())
def test_flipped_bits(model: Path, tmp_path: Path, data: st.DataObject) -> None:
    blob = bytearray(model.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        blob[data.draw(structural(len(blob)))] ^= 1 << data.draw(st.integers(0, 7))
    survives(bytes(blob), tmp_path)


@bounded
@given(data=st.data())
def test_nonsense_numbers(model: Path, tmp_path: Path, data: st.DataObject) -> None:
    """Offsets, counts, sizes and indices of any value."""
    blob = bytearray(model.read_bytes())
    values = st.sampled_from([0, 1, 2, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 28])
    for _ in range(data.draw(st.integers(1, 4))):
        where = data.draw(structural(len(blob) - 4)) & ~3
        struct.pack_into("<I", blob, where, data.draw(values))
    survives(bytes(blob), tmp_path)


def structural(size: int) -> st.SearchStrategy[int]:
    """Positions, most of them near the ends of the file, where the tables lie."""
    tables = min(size, 12000)
    return st.one_of(st.integers(0, min(size, 4000) - 1), st.integers(size - tables, size - 1),
                     st.integers(0, size - 1))


@bounded
@given(st.binary(max_size=400), st.booleans())
def test_random_bytes(tmp_path: Path, noise: bytes, marked: bool) -> None:
    blob = noise[:4] + b"TFL3" + noise[4:] if marked else noise
    assert not survives(blob, tmp_path)


def test_missing_file_and_wrong_kind(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        read(tmp_path / "none.tflite")
    with pytest.raises(EdgeqError, match=r"allowed: a \.tflite model"):
        read(tmp_path / "model.h5")
    with pytest.raises(ModelError):
        read(_folder(tmp_path / "folder.tflite"))


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_an_intact_model_survives(model: Path, tmp_path: Path) -> None:
    assert survives(model.read_bytes(), tmp_path)
