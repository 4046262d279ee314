"""The page on custom operators does what it says; and what goes wrong is said."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from tflite_models import ModelFile, dense_options

from edgeq.board import HOST, Target, load_board
from edgeq.cli import main
from edgeq.custom import load_custom
from edgeq.errors import UnsupportedError, UsageError
from edgeq.execute import run_float, run_int
from edgeq.folder import write
from edgeq.host import HostModel
from edgeq.passes import simplify
from edgeq.pipeline import Request, build
from edgeq.readers import read, verdicts, with_custom
from edgeq.readers.types import NO_OPTIONS
from edgeq.recipe import load_recipe
from edgeq.target import run_folder

PAGE = Path(__file__).resolve().parents[2] / "docs" / "custom-operators.md"
RNG = np.random.default_rng(4)


def page_files(folder: Path) -> Path:
    """The files that stand on the page, written into `folder`."""
    blocks = re.findall(r"```(?:python|toml|c)\n((?:# |/\* )(\S+).*?)```", PAGE.read_text(), re.S)
    names = {name for _, name in blocks}
    assert names == {"softsign.py", "softsign.toml", "softsign.h", "softsign.c"}
    for text, name in blocks:
        (folder / name).write_text(text)
    return folder


def tflite_model(folder: Path) -> Path:
    """Dense, the custom operator, dense."""
    m = ModelFile()
    x = m.tensor("x", (1, 6))
    for i in range(2):
        w = m.const(f"w{i}", RNG.normal(size=(6, 6)).astype(np.float32))
        b = m.const(f"b{i}", RNG.normal(size=6).astype(np.float32))
        y = m.tensor(f"y{i}", (1, 6))
        m.op("FULLY_CONNECTED", [x, w, b], [y], dense_options())
        x = y
        if i == 0:
            x = m.tensor("s", (1, 6))
            m.op("CUSTOM", [y], [x], custom="Softsign")
    return m.write(folder / "m.tflite", [0], [x])


def onnx_model(folder: Path) -> Path:
    pytest.importorskip("onnx")
    from onnx_models import OnnxFile

    m = OnnxFile()
    m.input("x", (1, 2, 4, 3))
    m.op("Conv", ["x", m.random("w", 3, 2, 1, 1)], "c")
    m.op("Softsign", ["c"], "s")
    m.op("Conv", ["s", m.random("v", 2, 3, 1, 1)], "y")
    return m.write(folder / "m.onnx", "y")


@pytest.mark.parametrize("kind", ["tflite", "onnx"])
def test_the_page(kind: str, tmp_path: Path) -> None:
    folder = page_files(tmp_path)
    model = (tflite_model if kind == "tflite" else onnx_model)(tmp_path)
    recipe = load_recipe(folder / "softsign.toml")
    assert recipe.custom == (f"{folder / 'softsign.py'}:Softsign",)
    options = with_custom(NO_OPTIONS, recipe.custom)
    graph = simplify(read(model, options))
    x = RNG.normal(size=(40, *graph.tensor("x").shape[1:])).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    result = build(Request(model, Target(HOST), str(tmp_path / "x.npy"), recipe))
    write(result.files, tmp_path / "out")
    ints = result.quantized.graph
    q = ints.tensor("x").params.quantize(x)
    want = run_int(ints, {"x": q})[ints.outs[0]]
    (got,) = HostModel(tmp_path / "out").run(q)
    np.testing.assert_array_equal(got.reshape(want.shape), want)
    real = run_float(graph, {"x": x})[graph.outs[0]]
    error = ints.tensor(ints.outs[0]).params.dequantize(want) - real
    assert 10 * np.log10(np.sum(real**2) / np.sum(error**2)) > 25
    if kind == "onnx":
        ort = pytest.importorskip("onnxruntime")
        first = np.ascontiguousarray(x[:1].transpose(0, 3, 1, 2))
        (oracle,) = ort.InferenceSession(model).run(None, {"x": first})
        np.testing.assert_allclose(real[:1].transpose(0, 3, 1, 2), oracle, atol=1e-5)


@pytest.mark.qemu
@pytest.mark.parametrize("board", ["cortex-m0plus", "cortex-m55"])
def test_the_page_under_qemu(board: str, tmp_path: Path) -> None:
    if shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("qemu-system-arm or arm-none-eabi-gcc is not installed")
    folder, model = page_files(tmp_path), tflite_model(tmp_path)
    x = RNG.normal(size=(20, 6)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    result = build(Request(model, Target(load_board(board)), str(tmp_path / "x.npy"),
                           load_recipe(folder / "softsign.toml")))
    write(result.files, tmp_path / "out")
    assert "flash_bytes" in result.report
    q = np.random.default_rng(1).integers(-128, 128, (30, 6)).astype(np.int8)
    (got,) = run_folder(tmp_path / "out", load_board(board), [q]).outputs
    want = run_int(result.quantized.graph, {"x": q})[result.quantized.graph.outs[0]]
    np.testing.assert_array_equal(got, want)


def test_commands_take_it_and_eval_finds_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                  capsys: pytest.CaptureFixture[str]) -> None:
    page_files(tmp_path)
    model = tflite_model(tmp_path)
    np.save(tmp_path / "x.npy", RNG.normal(size=(16, 6)).astype(np.float32))
    monkeypatch.chdir(tmp_path)

    def code(*args: str) -> object:
        with pytest.raises(SystemExit) as end:
            main(args)
        return end.value.code

    assert code("ops", "m.tflite") == 2
    assert code("ops", "m.tflite", "--custom", "softsign.py:Softsign") == 0
    assert code("inspect", "m.tflite", "--custom", "softsign:Softsign") == 0
    assert code("build", "m.tflite", "--board", "host", "--calib", "x.npy", "--recipe", "fast",
                "--custom", "softsign.py:Softsign", "-o", "out") == 0
    monkeypatch.chdir(tmp_path.parent)
    capsys.readouterr()
    assert code("eval", str(tmp_path / "out"), "--data", str(tmp_path / "x.npy"), "--json") == 0
    assert json.loads(capsys.readouterr().out)["samples"] == 16
    assert model.is_file()


def test_without_it_the_node_is_unknown(tmp_path: Path) -> None:
    model = tflite_model(tmp_path)
    with pytest.raises(UnsupportedError, match="CUSTOM Softsign"):
        read(model)
    assert [v.supported for v in verdicts(model)] == [True, False, True]


@pytest.mark.parametrize(("spec", "message"), [
    ("softsign", "cannot be understood"),
    ("nothing.py:Op", "FileNotFoundError"),
    ("softsign.py:Missing", "has no Missing"),
    ("softsign.py:HERE", "is no operator"),
    ("broken.py:Op", "ZeroDivisionError"),
    ("half.py:Half", "does not define lower, run, run_int"),
    ("mute.py:Mute", "names no node"),
    ("no_such_module_here:Op", "ModuleNotFoundError"),
])
def test_what_cannot_be_loaded(spec: str, message: str, tmp_path: Path) -> None:
    page_files(tmp_path)
    (tmp_path / "broken.py").write_text("1 / 0\n")
    head = "from edgeq.ops.base import Op\n"
    (tmp_path / "half.py").write_text(
        f"{head}class Half(Op):\n    def shape(self, *ins):\n        return ins\n")
    (tmp_path / "mute.py").write_text(
        f"{head}class Mute(Op):\n    shape = run = run_int = lower = lambda self, *a: ()\n")
    path = f"{tmp_path}/{spec}" if ".py:" in spec else spec
    with pytest.raises(UsageError, match=message):
        load_custom(path)


def test_a_missing_c_file_is_named(tmp_path: Path) -> None:
    folder, model = page_files(tmp_path), tflite_model(tmp_path)
    (folder / "softsign.c").unlink()
    np.save(tmp_path / "x.npy", RNG.normal(size=(8, 6)).astype(np.float32))
    with pytest.raises(UsageError, match=r"softsign\.c: cannot be read"):
        build(Request(model, Target(HOST), str(tmp_path / "x.npy"),
                      load_recipe(folder / "softsign.toml")))
