"""Models that leave sizes open, read with the user's sizes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tflite_models import ModelFile, conv_options

from edgeq.cli import main
from edgeq.errors import UnsupportedError, UsageError
from edgeq.execute import run_float
from edgeq.passes import simplify
from edgeq.readers import ReadOptions, read, tried_shapes, verdicts

RNG = np.random.default_rng(8)


def open_onnx(folder: Path) -> Path:
    """An LSTM over (1, length, 3) of open length."""
    pytest.importorskip("onnx")
    from onnx_models import OnnxFile

    m = OnnxFile()
    m.input("x", ("n", "length", 3))
    m.op("LSTM", ["x", m.random("w", 1, 16, 3), m.random("r", 1, 16, 4)], ["y", "", ""],
         hidden_size=4, layout=0)
    return m.write(folder / "open.onnx", "y")


def open_tflite(folder: Path) -> Path:
    """Two convolutions over (1, height, 6, 2) of open height."""
    m = ModelFile()
    x = m.tensor("x", (-1, -1, 6, 2))
    for i, channels in enumerate((3, 2)):
        w = m.const(f"w{i}", RNG.normal(size=(channels, 3, 3, 5 - channels)).astype(np.float32))
        b = m.const(f"b{i}", np.ones(channels, np.float32))
        y = m.tensor(f"y{i}", (-1, -1, 6, channels))
        m.op("CONV_2D", [x, w, b], [y], conv_options())
        x = y
    return m.write(folder / "open.tflite", [0], [x])


def test_open_axis_is_refused_with_the_option_that_fixes_it(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"axis 1 of open size 'length'.*--shape x=1,100,3"):
        read(open_onnx(tmp_path))


def test_every_node_gets_a_verdict_where_sizes_are_open(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With 64 in their place, or 1 for the batch wherever it stands, which the output says."""
    pytest.importorskip("onnx")
    from onnx_models import OnnxFile

    m = OnnxFile()
    m.input("x", ("batch", "length", 3))
    m.input("s", (1, "batch", 3))
    m.input("wave", (1, "samples"))
    m.op("Hardmax", ["x"], "h")
    m.op("Relu", ["h"], "r")
    m.op("Add", ["r", "s"], "y")
    m.op("Relu", ["wave"], "z")
    path = m.write(tmp_path / "m.onnx", "y", "z")
    tried = {"x": (1, 64, 3), "s": (1, 1, 3), "wave": (1, 512)}
    assert tried_shapes(path) == tried
    assert tried_shapes(path, ReadOptions({"x": (1, 9, 3)})).keys() == {"s", "wave"}
    assert [v.supported for v in verdicts(path)] == [False, True, True, True]
    with pytest.raises(SystemExit, match="2"):
        main(["ops", str(path)])
    text = capsys.readouterr().out
    assert "not supported" in text
    assert "--shape x=1,64,3" in text
    with pytest.raises(SystemExit, match="2"):
        main(["ops", str(path), "--json"])
    assert json.loads(capsys.readouterr().out)["tried_shapes"] == {
        name: list(shape) for name, shape in tried.items()}


def test_open_sizes_alone_leave_every_node_supported(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx")
    from onnx_models import OnnxFile

    m = OnnxFile()
    m.input("x", ("batch", 3, "height", "width"))
    m.op("Relu", ["x"], "y")
    with pytest.raises(SystemExit, match="0"):
        main(["ops", str(m.write(tmp_path / "m.onnx", "y"))])
    assert "--shape x=1,3,64,64" in capsys.readouterr().out


def test_onnx_shape_reaches_every_layer(tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    path = open_onnx(tmp_path)
    options = ReadOptions({"x": (7, 1, 3)})
    graph = simplify(read(path, options))
    assert graph.tensor("x").shape == (7, 1, 3)
    assert all(v.supported for v in verdicts(path, options))
    x = RNG.normal(size=(7, 1, 3)).astype(np.float32)
    (y,) = run_float(graph, {"x": x}).values()
    (want,) = ort.InferenceSession(path).run(None, {"x": x})
    np.testing.assert_allclose(y.reshape(want.shape), want, atol=1e-5)


def test_tflite_shape_reaches_every_layer(tmp_path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    path = open_tflite(tmp_path)
    graph = simplify(read(path, ReadOptions({"x": (1, 9, 6, 2)})))
    assert graph.tensor(graph.outs[0]).shape == (1, 9, 6, 2)
    x = RNG.normal(size=(1, 9, 6, 2)).astype(np.float32)
    lite = Interpreter(model_path=str(path))
    lite.resize_tensor_input(0, x.shape)
    lite.allocate_tensors()
    lite.set_tensor(0, x)
    lite.invoke()
    (y,) = run_float(graph, {"x": x}).values()
    np.testing.assert_allclose(y, lite.get_tensor(lite.get_output_details()[0]["index"]),
                               atol=1e-4)


@pytest.mark.parametrize(("shapes", "message"), [
    ({"y": (1, 2)}, "no such input"),
    ({"x": (1, 9, 6, 3)}, "does not fit the model; allowed: any,any,6,2"),
    ({"x": (1, 9, 6)}, "does not fit the model"),
    ({"x": (1, 0, 6, 2)}, "does not fit the model"),
])
def test_shapes_that_do_not_fit(tmp_path: Path, shapes: dict[str, tuple[int, ...]],
                                message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(open_tflite(tmp_path), ReadOptions(shapes))


def test_commands_take_shapes_and_eval_remembers_them(tmp_path: Path,
                                                      capsys: pytest.CaptureFixture[str]) -> None:
    path, out = open_tflite(tmp_path), tmp_path / "out"
    data = tmp_path / "x.npy"
    np.save(data, RNG.normal(size=(8, 5, 6, 2)).astype(np.float32))

    def code(*args: str) -> object:
        with pytest.raises(SystemExit) as end:
            main(args)
        return end.value.code

    assert code("ops", str(path), "--shape", "x=1,5,6,2") == 0
    assert code("ops", str(path), "--shape", "x=one") == 2
    assert code("build", str(path), "--board", "host", "--calib", str(data), "--recipe", "fast",
                "--shape", "x=1,5,6,2", "-o", str(out)) == 0
    assert json.loads((out / "report.json").read_text())["source"]["shapes"] == {
        "x": [1, 5, 6, 2]}
    capsys.readouterr()
    assert code("eval", str(out), "--data", str(data), "--json") == 0
    assert json.loads(capsys.readouterr().out)["samples"] == 8
