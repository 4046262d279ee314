"""Masks of attention: what exporters add or choose becomes a mask of the softmax."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
from tflite_models import ModelFile
from tflite_writer import Reference

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")

from onnx_models import OnnxFile  # noqa: E402

from edgeq.board import HOST, Target  # noqa: E402
from edgeq.emit import emit  # noqa: E402
from edgeq.errors import UnsupportedError  # noqa: E402
from edgeq.execute import run_float, run_int  # noqa: E402
from edgeq.folder import write  # noqa: E402
from edgeq.host import HostModel  # noqa: E402
from edgeq.ir import Graph  # noqa: E402
from edgeq.lower import lower  # noqa: E402
from edgeq.ops.masked_softmax import MaskedSoftmax  # noqa: E402
from edgeq.passes import simplify  # noqa: E402
from edgeq.quant import quantize  # noqa: E402
from edgeq.quant.simulate import sqnr_db  # noqa: E402
from edgeq.readers import read, verdicts  # noqa: E402
from edgeq.readers.onnx import read_onnx_bytes  # noqa: E402
from edgeq.recipe import load_recipe  # noqa: E402

NAMES = ("fused causal", "fused with a mask", "library causal", "library with weights",
         "library with padding", "encoder causal", "encoder with padding",
         "filled with infinity", "filled with -1e9", "filled with the lowest",
         "added for reals", "added for integers")


def check_integers(graph: Graph, feeds: dict[str, NDArray[np.float32]], folder: Path,
                   least: float) -> None:
    """The quantized graph follows the float one on its own samples; the C code is equal."""
    samples = tuple(feeds[n] for n in graph.ins)
    ints = quantize(graph, samples, load_recipe("fast")).graph
    qs = {n: ints.tensor(n).params.quantize(feeds[n]) for n in graph.ins}
    (want,) = run_int(ints, qs).values()
    (name,) = graph.outs
    assert sqnr_db(run_float(graph, feeds)[name], ints.tensor(name).params.dequantize(want)) > least
    write(emit(lower(ints, Target(HOST))), folder)
    np.testing.assert_array_equal(HostModel(folder).run(*(qs[n] for n in ints.ins))[0], want)


@pytest.mark.parametrize("newer", [False, True], ids=["older", "newer"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore")
def test_pytorch(tmp_path: Path, name: str, newer: bool) -> None:
    """Through both exporters: one masked softmax, PyTorch's values, integers that follow."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    if newer:
        pytest.importorskip("onnxscript", reason="the newer exporter needs onnxscript")
    from torch_attention import CASES, D, T

    torch.manual_seed(1)
    module, given = CASES[name]
    module.eval()
    x, file = torch.randn(40, T, D), io.BytesIO()
    if newer:
        torch.onnx.export(module, (x[:1], *given), dynamo=True, verbose=False).save(file)
    else:
        torch.onnx.export(module, (x[:1], *given), file, dynamo=False)
    graph = simplify(read_onnx_bytes(file.getvalue(), "module"))
    count = Counter(type(op).__name__ for op in graph.ops)
    assert (count["MaskedSoftmax"], count["Softmax"], count["Select"]) == (1, 0, 0)
    masks = [np.repeat(m.numpy().astype(np.float32), len(x), 0) for m in given]
    feeds = dict(zip(graph.ins, [x.numpy(), *masks], strict=True))
    with torch.no_grad():
        want = np.concatenate([module(one[None], *given).numpy() for one in x])
    (got,) = run_float(graph, feeds).values()
    np.testing.assert_allclose(got, want, atol=2e-5)
    check_integers(graph, feeds, tmp_path / "out", 25)


@pytest.mark.parametrize("kind", ["ADD", "SELECT_V2", "SELECT_V2 at run time"])
@pytest.mark.parametrize("number", [-np.inf, -1e9])
def test_tensorflow_lite(tmp_path: Path, kind: str, number: float) -> None:
    """Float files; the same function as LiteRT's, also where the file's numbers are infinite."""
    n, file = 7, ModelFile()
    keep = np.tril(np.ones((n, n)), 0).astype(bool)
    x, ins = file.tensor("x", (1, 2, n, n)), []
    masked, y = file.tensor("masked", (1, 2, n, n)), file.tensor("y", (1, 2, n, n))
    out = file.const("out", np.array(number, np.float32))
    if kind == "ADD":
        mask = file.const("mask", np.where(keep, 0, number).astype(np.float32)[None, None])
        file.op("ADD", [x, mask], [masked], schema.AddOptionsT())
    else:
        given = kind != "SELECT_V2"
        c = file.tensor("keep", (1, 1, 1, n), "bool") if given else file.const("keep", keep[None])
        ins = [c] if given else []
        file.op("SELECT_V2", [c, x, out], [masked], schema.SelectV2OptionsT())
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    file.op("SOFTMAX", [masked], [y], options)
    path = file.write(tmp_path / "masked.tflite", [x, *ins], [y])
    assert all(v.supported for v in verdicts(path))
    graph = simplify(read(path))
    assert [type(op) for op in graph.ops if "Reshape" not in type(op).__name__] == [MaskedSoftmax]
    rng = np.random.default_rng(4)
    feeds = {"x": rng.normal(0, 2, (30, 2, n, n)).astype(np.float32)}
    if ins:
        feeds["keep"] = rng.integers(0, 2, (30, 1, 1, n)).astype(np.float32)
        feeds["keep"][..., 2] = 1
    reference = Reference(path.read_bytes())
    (got,) = run_float(graph, feeds).values()
    for i in range(3):
        more = [feeds["keep"][i:i + 1].astype(bool)] if ins else []
        np.testing.assert_allclose(got[i:i + 1], reference.run(feeds["x"][i:i + 1], *more)[0],
                                   atol=1e-6)
    check_integers(graph, feeds, tmp_path / "out", 25)


def attention(bias: NDArray[np.float32]) -> OnnxFile:
    """Scores, a bias that also masks, softmax."""
    m = OnnxFile()
    m.input("x", (1, 2, 4, 4))
    m.op("Softmax", [m.op("Add", ["x", m.const("bias", bias)], "scores")], "y", axis=-1)
    return m


def test_a_bias_beside_the_mask_stays(tmp_path: Path) -> None:
    """Slopes by distance (ALiBi) and minus infinity for later tokens in one constant."""
    place = np.arange(4)
    slope = (place[None] - place[:, None]) * np.array([0.5, 0.1]).reshape(2, 1, 1)
    bias = np.where(place[None] > place[:, None], -np.inf, slope).astype(np.float32)[None]
    graph = simplify(read(attention(bias).write(tmp_path / "alibi.onnx", "y")))
    assert [type(op).__name__ for op in graph.ops] == ["Add", "MaskedSoftmax"]
    x = np.random.default_rng(3).normal(size=(20, 2, 4, 4)).astype(np.float32)
    e = np.exp(x + bias - (x + bias).max(-1, keepdims=True))
    (got,) = run_float(graph, {"x": x}).values()
    np.testing.assert_allclose(got, e / e.sum(-1, keepdims=True), rtol=1e-5)
    check_integers(graph, {"x": x}, tmp_path / "out", 25)


def test_small_biases_are_no_mask(tmp_path: Path) -> None:
    bias = np.linspace(-20, 0, 16).reshape(4, 4).astype(np.float32)
    graph = simplify(read(attention(bias).write(tmp_path / "bias.onnx", "y")))
    assert [type(op).__name__ for op in graph.ops] == ["Add", "Softmax"]


def test_an_infinity_elsewhere_is_refused_with_its_node(tmp_path: Path) -> None:
    m = OnnxFile()
    m.input("x", (1, 4))
    m.op("Add", ["x", m.const("low", np.array([0, -np.inf, 0, 0], np.float32))], "sum")
    m.op("Relu", ["sum"], "y")
    path = m.write(tmp_path / "infinite.onnx", "y")
    with pytest.raises(UnsupportedError, match="infinities in 'low'"):
        read(path)
    assert [v.supported for v in verdicts(path)] == [False, True]
