"""What the ONNX reader says to models that it cannot take, and how data meets a turned input."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")

from onnx_models import OnnxFile  # noqa: E402

from edgeq.dataset import Preprocess, load_dataset  # noqa: E402
from edgeq.errors import ModelError, UnsupportedError, UsageError  # noqa: E402
from edgeq.execute import run_float  # noqa: E402
from edgeq.from_torch import from_torch  # noqa: E402
from edgeq.passes import simplify  # noqa: E402
from edgeq.readers import read, verdicts  # noqa: E402


def conv_model(folder: Path) -> Path:
    m = OnnxFile()
    m.input("x", (1, 3, 5, 4))
    m.op("Conv", ["x", m.random("w", 2, 3, 3, 3)], "y")
    return m.write(folder / "m.onnx", "y")


def test_unknown_operator_names_node_reason_and_way_out(tmp_path: Path) -> None:
    m = OnnxFile()
    m.input("x", (1, 6))
    m.op("Relu", ["x"], "r")
    m.op("Hardmax", ["r"], "h", name="the/hard*one")
    m.op("Relu", ["h"], "y")
    path = m.write(tmp_path / "m.onnx", "y")
    with pytest.raises(UnsupportedError, match=r"Hardmax 'the_hard_one' \(node 1\).*what to do"):
        read(path)
    found = verdicts(path)
    assert [v.supported for v in found] == [True, False, True]
    assert found[0].note == "Relu"


def test_nodes_behind_one_of_unknown_shape_are_not_examined(tmp_path: Path) -> None:
    """The cause is named, and only nodes of other domains, which nothing could compute, are too."""
    m = OnnxFile()
    m.input("x", (1, 6))
    m.op("Strange", ["x"], "s", domain="my.own")
    m.op("Relu", ["s"], "r")
    m.op("Stranger", ["r"], "t", domain="my.own")
    m.op("Add", ["t", "x"], "y")
    m.op("Relu", ["x"], "z")
    found = verdicts(m.write(tmp_path / "m.onnx", "y", "z"))
    assert [v.supported for v in found] == [False, False, False, False, True]
    assert ["no such operator" in v.note for v in found] == [True, False, True, False, False]
    assert "'s' has no known shape without node 0" in found[1].note
    assert "see to node 0" in found[3].note


def test_limits_are_verdicts_too(tmp_path: Path) -> None:
    m = OnnxFile()
    m.input("x", (1, 8, 6))
    m.op("Relu", ["x"], "r")
    m.op("Softmax", ["r"], "s")
    m.op("Reshape", ["s", m.integers("to", 48)], "f")
    m.op("Tile", ["f", m.integers("n", 60)], "t")
    m.op("Tile", ["t", m.integers("n2", 2)], "t2")
    m.op("Reshape", ["t2", m.integers("to2", 1, 5760)], "t3")
    m.op("Softmax", ["t3"], "y", name="wide")
    found = verdicts(m.write(tmp_path / "m.onnx", "y"))
    assert [v.name for v in found if not v.supported] == ["wide"]
    assert "fewer than 4096 values" in found[-1].note


@pytest.mark.parametrize(("shape", "found"), [
    ((1, 3, "height", 4), "axis 2 of open size 'height'"),
    ((1, 3, 5, 4), "opset 6"),
])
def test_what_has_to_be_fixed_before(tmp_path: Path, shape: tuple[int | str, ...],
                                     found: str) -> None:
    m = OnnxFile(17 if "height" in shape else 6)
    m.input("x", shape)
    m.op("Relu", ["x"], "y")
    with pytest.raises(UnsupportedError, match=found):
        read(m.write(tmp_path / "m.onnx", "y"))


def test_open_batch_becomes_one(tmp_path: Path) -> None:
    m = OnnxFile()
    m.input("x", ("batch", 4))
    m.op("Gemm", ["x", m.random("w", 4, 3)], "y")
    graph = read(m.write(tmp_path / "m.onnx", "y"))
    assert graph.tensor("x").shape == (1, 4)


def test_missing_external_data(tmp_path: Path) -> None:
    m = OnnxFile()
    m.input("x", (1, 40))
    m.op("MatMul", ["x", m.random("a", 40, 60)], "y")
    m.output("y")
    path = tmp_path / "m.onnx"
    onnx.save_model(m.model(), str(path), save_as_external_data=True, location="m.data",
                    size_threshold=64)
    (tmp_path / "m.data").unlink()
    with pytest.raises(ModelError, match="external data"):
        read(path)


def test_weights_in_other_widths(tmp_path: Path) -> None:
    """Half and double weights are read as float32."""
    m = OnnxFile()
    m.input("x", (1, 4))
    w = m.rng.normal(size=(4, 3)).astype(np.float16)
    m.op("Cast", [m.const("half", w)], "w", to=onnx.TensorProto.FLOAT)
    m.op("MatMul", ["x", "w"], "y")
    graph = read(m.write(tmp_path / "m.onnx", "y"))
    x = np.ones((1, 4), np.float32)
    (y,) = run_float(graph, {"x": x}).values()
    np.testing.assert_allclose(y, x @ w.astype(np.float32), rtol=1e-6)


def test_local_functions_are_written_out(tmp_path: Path) -> None:
    m = OnnxFile()
    m.input("x", (1, 4))
    m.op("Twice", ["x"], "y", domain="mine")
    m.output("y")
    model = m.model()
    model.opset_import.append(onnx.helper.make_opsetid("mine", 1))
    body = [onnx.helper.make_node("Add", ["a", "a"], ["b"])]
    model.functions.append(onnx.helper.make_function(
        "mine", "Twice", ["a"], ["b"], body, [onnx.helper.make_opsetid("", 17)]))
    path = tmp_path / "m.onnx"
    onnx.save(model, path)
    (y,) = run_float(read(path), {"x": np.ones((1, 4), np.float32)}).values()
    np.testing.assert_array_equal(y, np.full((1, 4), 2.0))


def test_data_may_have_channels_first_or_last(tmp_path: Path) -> None:
    """Samples in the file's order are turned; those that fit the graph stay."""
    graph = simplify(read(conv_model(tmp_path)))
    first = np.random.default_rng(0).normal(size=(6, 3, 5, 4)).astype(np.float32)
    for name, x in (("first", first), ("last", first.transpose(0, 2, 3, 1))):
        np.savez(tmp_path / f"{name}.npz", x=x)
        data = load_dataset(str(tmp_path / f"{name}.npz"), Preprocess(), graph).real()
        np.testing.assert_array_equal(data["x"], first.transpose(0, 2, 3, 1))


def test_partly_quantized_models_are_refused(tmp_path: Path) -> None:
    m = OnnxFile()
    scale, zero = m.const("s", np.array(0.1, np.float32)), m.const("z", np.array(0, np.int8))
    m.input("x", (1, 4))
    m.op("QuantizeLinear", ["x", scale, zero], "q")
    m.op("DequantizeLinear", ["q", scale, zero], "d")
    m.op("Exp", ["d"], "y")
    with pytest.raises(UnsupportedError, match=r"not quantized.*QuantizeLinear"):
        read(m.write(tmp_path / "m.onnx", "y"))


def test_quantized_input_and_4_bit_weights(tmp_path: Path) -> None:
    """uint8 at the border is shifted by 128; 4-bit weights keep their integers."""
    m = OnnxFile(21)
    m.input("x", (1, 4), onnx.TensorProto.UINT8)
    scale, zero = m.const("s", np.array(0.5, np.float32)), m.const("z", np.array(100, np.uint8))
    codes = np.array([[-8, 7], [1, -2], [3, 4], [-5, 6]])
    m.consts.append(onnx.helper.make_tensor("w", onnx.TensorProto.INT4, (4, 2), codes.ravel()))
    m.op("DequantizeLinear", ["x", scale, zero], "d")
    m.op("DequantizeLinear", ["w", m.const("ws", np.array([0.25, 0.125], np.float32))], "dw",
         axis=1)
    m.op("MatMul", ["d", "dw"], "p")
    m.op("QuantizeLinear", ["p", scale, zero], "q")
    m.op("DequantizeLinear", ["q", scale, zero], "y")
    graph = read(m.write(tmp_path / "m.onnx", "y"))
    q = graph.tensor(graph.ins[0]).params
    assert (float(q.scale), int(q.zero), q.bits) == (0.5, -28, 8)
    (dense,) = (op for op in graph.ops if type(op).__name__ == "Dense")
    np.testing.assert_array_equal(graph.const(dense.ins[1]), codes.T)
    np.testing.assert_allclose(graph.tensor(dense.ins[1]).params.scale, [0.25, 0.125])


def test_without_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = conv_model(tmp_path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError, match=r"edgeq\[onnx\]"):
        read(path)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UsageError, match="PyTorch is not installed"):
        from_torch(object(), np.zeros(1))  # type: ignore[arg-type]


def test_from_torch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(),
                                 torch.nn.Linear(4 * 4 * 3, 2))
    x = torch.randn(1, 3, 6, 5)
    graph = simplify(from_torch(module, x))
    (y,) = run_float(graph, {graph.ins[0]: x.numpy().transpose(0, 2, 3, 1)}).values()
    np.testing.assert_allclose(y, module(x).detach().numpy(), atol=1e-5)
    assert module.training


def test_verdicts_of_a_real_model(shared: Callable[[str], Path]) -> None:
    found = verdicts(shared("models/mnist_float32.onnx"))
    assert all(v.supported for v in found)
    assert found[0].note == "computed while reading"


def test_16_bit_activations_of_a_layer_are_refused(tmp_path: Path) -> None:
    m = OnnxFile(21)
    scale, zero = m.const("s", np.array(0.1, np.float32)), m.const("z", np.array(0, np.int16))
    m.input("x", (1, 4))
    m.op("QuantizeLinear", ["x", scale, zero], "q")
    m.op("DequantizeLinear", ["q", scale, zero], "d")
    m.op("LogSoftmax", ["d"], "r")
    m.op("QuantizeLinear", ["r", scale, zero], "q2")
    m.op("DequantizeLinear", ["q2", scale, zero], "y")
    with pytest.raises(UnsupportedError):
        read(m.write(tmp_path / "m.onnx", "y"))


def test_a_fixed_batch_of_several_is_refused(tmp_path: Path) -> None:
    m = OnnxFile()
    m.input("x", (4, 3, 5, 5))
    m.op("Conv", ["x", m.random("w", 2, 3, 3, 3)], "y")
    path = m.write(tmp_path / "m.onnx", "y")
    with pytest.raises(UnsupportedError, match="a fixed batch of 4"):
        read(path)
    assert not verdicts(path)[0].supported


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_indices_that_are_cast_first(tmp_path: Path, dtype: str) -> None:
    """Floats or bytes at the input that are only cast to integers, in front of a table."""
    ort = pytest.importorskip("onnxruntime")
    m = OnnxFile()
    m.input("x", (1, 5), onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
    m.op("Cast", ["x"], "i", to=7)
    m.op("Gather", [m.random("table", 9, 4), "i"], "y")
    path = m.write(tmp_path / "m.onnx", "y")
    graph = simplify(read(path))
    assert [type(op).__name__ for op in graph.ops] == ["Embedding"]
    ids = np.array([[3, 0, 8, 1, 3]], dtype)
    (want,) = ort.InferenceSession(path).run(None, {"x": ids})
    np.testing.assert_array_equal(run_float(graph, {"x": ids})["y"].reshape(want.shape), want)


def test_an_input_that_is_cast_and_used_is_no_index(tmp_path: Path) -> None:
    m = OnnxFile()
    m.input("x", (1, 5))
    m.op("Cast", ["x"], "i", to=7)
    m.op("Gather", [m.random("table", 9, 5), "i"], "e")
    m.op("Add", ["e", "x"], "y")
    with pytest.raises(UnsupportedError, match="casts to type 7"):
        read(m.write(tmp_path / "m.onnx", "y"))
