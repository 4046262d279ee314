"""HostModel: clear errors, the cache, 16-bit ports."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from edgeq.board import HOST, Target
from edgeq.cache import cache_dir, prune
from edgeq.emit import emit
from edgeq.errors import DataError, ToolchainError, UnsupportedError, UsageError
from edgeq.folder import write
from edgeq.host import HostModel, run_sanitized
from edgeq.ir import Graph, QuantParams, Tensor
from edgeq.lower import lower
from edgeq.ops.reshape import Reshape


def view_graph(bits: int = 8) -> Graph:
    """A graph of one view: its output is its input."""
    q = QuantParams(np.asarray(0.5), np.asarray(3), bits)
    tensors = {"x": Tensor("x", (1, 2, 3), q=q), "y": Tensor("y", (1, 6), q=q)}
    return Graph(tensors, (Reshape(name="r", ins=("x",), outs=("y",), to=(1, 6)),), ("x",), ("y",),
                 "view")


def built(tmp_path: Path, bits: int = 8) -> Path:
    write(emit(lower(view_graph(bits), Target(HOST))), tmp_path / "out")
    return tmp_path / "out"


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_a_model_without_calls_passes_its_input_on(tmp_path: Path, bits: int) -> None:
    folder = built(tmp_path, bits)
    model = HostModel(folder)
    port = model.inputs[0]
    assert (port.shape, port.bits, port.scale, port.zero) == ((2, 3), bits, 0.5, 3)
    assert model.arena_bytes == 6 * bits // 8
    x = np.arange(-30, 30).astype(port.dtype).reshape(10, 2, 3)
    for (y,) in (model.run(x), run_sanitized(folder, x)):
        np.testing.assert_array_equal(y, x.reshape(10, 6))


def test_wrong_inputs_are_named(tmp_path: Path) -> None:
    model = HostModel(built(tmp_path))
    good = np.zeros((4, 2, 3), np.int8)
    for bad in (good.astype(np.int16), good[0], good.reshape(4, 3, 2)):
        with pytest.raises(DataError, match="input 'x'"):
            model.run(bad)
    with pytest.raises(DataError, match="2 arrays"):
        model.run(good, good)


def test_an_empty_batch_gives_an_empty_result(tmp_path: Path) -> None:
    (y,) = HostModel(built(tmp_path)).run(np.zeros((0, 2, 3), np.int8))
    assert y.shape == (0, 6)


def test_a_folder_that_was_not_built(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="edgeq build"):
        HostModel(tmp_path)


def test_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = built(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(ToolchainError, match="apt-get install gcc") as caught:
        HostModel(folder)
    assert caught.value.exit_code == 3


def test_a_compiler_error_is_shown(tmp_path: Path) -> None:
    folder = built(tmp_path)
    (folder / "host" / "src" / "view.c").write_text("int broken(\n", encoding="utf-8")
    with pytest.raises(ToolchainError, match="error"):
        HostModel(folder)


def test_nothing_is_compiled_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("EDGEQ_CACHE_DIR", str(cache))
    folder = built(tmp_path)
    HostModel(folder)
    before = sorted(cache.iterdir())
    assert before
    HostModel(folder)
    assert sorted(cache.iterdir()) == before


def test_a_named_cache_must_be_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("EDGEQ_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(ToolchainError, match="EDGEQ_CACHE_DIR"):
        cache_dir()


def test_old_cache_files_go_away(tmp_path: Path) -> None:
    old, new = tmp_path / "old.o", tmp_path / "new.o"
    for path in (old, new):
        path.write_text("", encoding="utf-8")
    os.utime(old, (time.time() - 90 * 24 * 3600,) * 2)
    prune(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["new.o"]


def test_a_constant_output_is_refused() -> None:
    q = QuantParams(np.asarray(0.5), np.asarray(0))
    graph = Graph({"x": Tensor("x", (1, 2), q=q),
                   "c": Tensor("c", (1, 2), np.zeros((1, 2), np.int8), q)}, (), ("x",), ("c",))
    with pytest.raises(UnsupportedError, match="is a constant"):
        lower(graph, Target(HOST))
