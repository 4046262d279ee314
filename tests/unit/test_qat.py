"""Quantization-aware training: exact values, true gradients, and a loop that never harms."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import edgeq
from edgeq.cli import main
from edgeq.errors import DataError, UnsupportedError, UsageError
from edgeq.execute import run_float, run_int
from edgeq.ir import Graph, Tensor
from edgeq.ops.activations import Gelu, HardSwish, LeakyRelu, Logistic, Tanh
from edgeq.ops.base import Act, Op
from edgeq.ops.concat import Concat, Pack
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.dense import Dense
from edgeq.ops.depthwise_conv2d import DepthwiseConv2D
from edgeq.ops.elementwise import Add, Mul, Sub
from edgeq.ops.gather import Cut, Slice, Transpose
from edgeq.ops.lstm import Lstm
from edgeq.ops.minmax import MinMax
from edgeq.ops.pad import Pad
from edgeq.ops.pool import AveragePool, MaxPool
from edgeq.ops.prelu import PRelu
from edgeq.ops.reduce import Mean, Sum
from edgeq.ops.reshape import Reshape
from edgeq.ops.resize import ResizeNearest
from edgeq.ops.softmax import Softmax
from edgeq.quant import Quantized
from edgeq.quant.simulate import measured
from edgeq.recipe import BiasCorrection, Equalize, Recipe, Rounding

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
qat = pytest.importorskip("edgeq.qat")
functional = pytest.importorskip("edgeq.qat.functional")

EXAMPLE = Path(edgeq.__file__).resolve().parents[1] / "examples" / "digits"
ROUGH = Recipe(equalize=Equalize.OFF, bias_correction=BiasCorrection.OFF, rounding=Rounding.NEAREST,
               per_channel=False, rollback=False)
BORDER = ((1, 0), (0, 2))


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def digits(recipe: Recipe) -> tuple[Quantized, np.ndarray, np.ndarray]:
    """The example quantized by `recipe`, its samples and labels."""
    data = np.load(EXAMPLE / "digits_calib.npz")
    graph = edgeq.simplify(edgeq.read(EXAMPLE / "digits.tflite"))
    x = data["x"].astype(np.float32)
    x = x.reshape(-1, *graph.tensor(graph.ins[0]).shape[1:])
    return edgeq.quantize(graph, x, recipe), x, data["y"]


def scores(q: Quantized, x: np.ndarray) -> np.ndarray:
    """What the C code computes, as reals."""
    (name,), source = measured(q.graph), q.graph.ins[0]
    ints = run_int(q.graph, {source: q.graph.tensor(source).params.quantize(x)}, keep=(name,))
    return q.graph.tensor(name).params.dequantize(ints[name])


@pytest.mark.parametrize("recipe", [Recipe(), replace(ROUGH, weight_bits=4),
                                    Recipe(act_bits=16)], ids=["default", "rough 4", "16 bits"])
def test_values_are_those_of_the_c_code(recipe: Recipe) -> None:
    start, x, _ = digits(recipe)
    model = qat.QatModel(start)
    assert np.array_equal(model(torch.from_numpy(x[:20])).detach().numpy(), scores(start, x[:20]))
    back = model.export().graph
    for name, tensor in start.graph.tensors.items():
        if tensor.is_const:
            assert np.array_equal(back.const(name), start.graph.const(name)), name
    with torch.no_grad():  # anywhere else, too
        for i, p in enumerate(model.parameters()):
            rng = np.random.default_rng(i)
            p *= torch.from_numpy(rng.uniform(0.9, 1.1, p.shape)).to(p.dtype)
    assert np.array_equal(model(torch.from_numpy(x[:20])).detach().numpy(),
                          scores(model.export(), x[:20]))


def shapes_of(op: Op) -> tuple[tuple[int, ...], ...]:
    """Input shapes for `op`, a batch of 2."""
    x = (2, 5, 6, 4)
    match op:
        case Conv2D():
            return x, (3, 3, 2, 4), (3,)
        case DepthwiseConv2D():
            return x, (1, 3, 2, 8), (8,)
        case Dense():
            return x, (3, 4), (3,)
        case PRelu():
            return x, (4,)
        case Add() | Sub() | Mul() | MinMax() | Concat() | Pack():
            return x, x
        case _:
            return (x,)


IO = {"name": "op", "ins": ("a", "b", "c"), "outs": ("y",)}
OPERATORS = [
    Conv2D(**IO, stride=(2, 1), dilation=(1, 2), pad=BORDER, act=Act.RELU),
    DepthwiseConv2D(**IO, stride=(1, 2), pad=BORDER, act=Act.RELU6),
    Dense(**IO), Dense(**IO, keep_dims=True, act=Act.RELU),
    Add(**IO, act=Act.RELU), Sub(**IO), Mul(**IO), MinMax(**IO, is_max=True), PRelu(**IO),
    AveragePool(**IO, kernel=(3, 2), stride=(2, 1), pad=((1, 1), (0, 1))),
    MaxPool(**IO, kernel=(3, 2), stride=(2, 1), pad=((1, 1), (0, 1))),
    Mean(**IO, axes=(1, 2)), Sum(**IO, axes=(3,), keep_dims=True),
    Pad(**IO, pads=((0, 0), (1, 2), (0, 1), (3, 0)), value=0.5),
    Concat(**IO, axis=3), Pack(**IO, axis=1), Reshape(**IO, to=(1, 30, 4)),
    Transpose(**IO, perm=(0, 3, 1, 2)),
    Slice(**IO, cuts=(Cut(0, 2, 1), Cut(4, 2, -2), Cut(1, 3, 1), Cut(0, 1, 1)), drop=(3,)),
    Softmax(**IO, beta=0.7), Logistic(**IO), Tanh(**IO), LeakyRelu(**IO, alpha=0.1),
    HardSwish(**IO), Gelu(**IO, approximate=False),
]


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: type(op).__name__)
def test_operators_on_reals_and_their_gradients(op: Op) -> None:
    rng = np.random.default_rng(3)
    xs = [rng.normal(0, 1, s).astype(np.float32) for s in shapes_of(op)]
    (want,) = op.run(*xs)
    values = [torch.tensor(x, requires_grad=True) for x in xs]
    got = functional.run(op, values)
    np.testing.assert_allclose(got.detach().numpy(), want, atol=1e-5)
    pull = rng.normal(0, 1, want.shape).astype(np.float32)
    (got * torch.from_numpy(pull)).sum().backward()
    for i, x in enumerate(xs):  # along a random direction, by a difference quotient
        way = rng.normal(0, 1, x.shape).astype(np.float32)
        step = 2e-3
        ends = [op.run(*xs[:i], x + sign * step * way, *xs[i + 1:])[0] for sign in (1, -1)]
        slope = float(((ends[0] - ends[1]).astype(np.float64) * pull).sum()) / (2 * step)
        found = float((values[i].grad.numpy() * way).sum())
        assert found == pytest.approx(slope, rel=0.05, abs=1.0)


def test_scales_get_the_gradient_of_learned_steps() -> None:
    """Esser et al. 2020, equation 3, on one value inside and one outside the range."""
    scale = torch.tensor(0.5, requires_grad=True)
    q = edgeq.ir.QuantParams(np.array(0.5), np.array(0))
    from edgeq.qat.model import _fake

    y = _fake(torch.tensor([0.6, 100.0]), scale, q)
    y.backward(torch.tensor([1.0, 0.0]))
    assert float(scale.grad) == pytest.approx(round(0.6 / 0.5) - 0.6 / 0.5)
    scale.grad = None
    _fake(torch.tensor([0.6, 100.0]), scale, q).backward(torch.tensor([0.0, 1.0]))
    assert float(scale.grad) == 127.0


def test_finetune_mends_rough_integers_and_repeats_itself() -> None:
    start, x, _ = digits(replace(ROUGH, weight_bits=4))
    graphs = []
    for _ in range(2):
        model = qat.QatModel(start)
        epochs = qat.finetune(model, x, tuning=qat.Tuning(epochs=8, rate=5e-3, scale_rate=1e-3))
        graphs.append(model.export().graph)
        best = min(e.loss for e in epochs)
        assert best < 0.75 * epochs[0].loss
    for name, tensor in graphs[0].tensors.items():
        if tensor.is_const:
            assert np.array_equal(graphs[0].const(name), graphs[1].const(name)), name


def test_finetune_keeps_the_beginning_where_training_harms() -> None:
    start, x, _ = digits(Recipe())
    model = qat.QatModel(start)
    qat.finetune(model, x, tuning=qat.Tuning(epochs=1, rate=10.0))
    for name, tensor in start.graph.tensors.items():
        if tensor.is_const:
            assert np.array_equal(model.export().graph.const(name), start.graph.const(name))


def test_labels_count_where_they_are_asked_to() -> None:
    start, x, y = digits(replace(ROUGH, weight_bits=4))
    model = qat.QatModel(start)
    epochs = qat.finetune(model, x, y, qat.Tuning(epochs=3, rate=5e-3, distill=0.5))
    assert min(e.loss for e in epochs[1:]) < epochs[0].loss


def test_joined_tensors_keep_one_scale() -> None:
    from edgeq.qat.model import _followers

    t = {n: Tensor(n, (1, 2, 2, 3)) for n in ("x", "a", "b")}
    t["y"] = Tensor("y", (1, 2, 2, 6))
    ops = (LeakyRelu(name="l", ins=("x",), outs=("a",), alpha=0.1),
           LeakyRelu(name="m", ins=("x",), outs=("b",), alpha=0.2),
           Concat(name="c", ins=("a", "b"), outs=("y",), axis=3))
    x = np.random.default_rng(0).normal(0, 1, (16, 2, 2, 3)).astype(np.float32)
    q = edgeq.quantize(Graph(t, ops, ("x",), ("y",)), x, Recipe())
    assert _followers(q.graph) == {"a": "y", "b": "y"}


def test_mistakes_are_named() -> None:
    start, x, y = digits(Recipe(rollback=False))
    model = qat.QatModel(start)
    with pytest.raises(DataError, match="one label a sample"):
        qat.finetune(model, x, y[:5])
    with pytest.raises(DataError, match="none"):
        qat.finetune(model, x[:0])
    with pytest.raises(UsageError, match="without labels"):
        qat.finetune(model, x, tuning=qat.Tuning(distill=0.5))
    with pytest.raises(UsageError, match="at least 1"):
        qat.Tuning(batch=0)
    with pytest.raises(DataError, match="2 inputs"):
        model(torch.from_numpy(x[:1]), torch.from_numpy(x[:1]))


def test_layers_without_gradients_are_refused_behind_trained_ones() -> None:
    rng = np.random.default_rng(0)
    t = {n: Tensor(n, s, rng.normal(0, 1, s).astype(np.float32))
         for n, s in {"w": (3, 1, 1, 2), "b": (3,), "v": (2, 1, 1, 3), "c": (2,)}.items()}
    t |= {n: Tensor(n, s) for n, s in {"x": (1, 2, 2, 2), "h": (1, 2, 2, 3), "r": (1, 4, 4, 3),
                                       "y": (1, 4, 4, 2)}.items()}
    first = Conv2D(name="first", ins=("x", "w", "b"), outs=("h",))
    resize = ResizeNearest(name="resize", ins=("h",), outs=("r",), size=(4, 4))
    last = Conv2D(name="last", ins=("r", "v", "c"), outs=("y",))
    x = rng.normal(0, 1, (8, 2, 2, 2)).astype(np.float32)
    start = edgeq.quantize(Graph(t, (first, resize, last), ("x",), ("y",)), x, ROUGH)
    with pytest.raises(UnsupportedError, match="no gradient is known"):
        qat.QatModel(start)


def test_a_recurrent_front_runs_as_it_is(shared: Callable[[str], Path]) -> None:
    graph = edgeq.simplify(edgeq.read(shared("models/arm_kws_lstm_s_float32.onnx")))
    assert any(isinstance(op, Lstm) for op in graph.ops)
    x = np.random.default_rng(0).normal(
        0, 1, (4, *graph.tensor(graph.ins[0]).shape[1:])).astype(np.float32)
    start = edgeq.quantize(graph, x, ROUGH)
    got = qat.QatModel(start)(torch.from_numpy(x)).detach().numpy()
    assert np.array_equal(got, scores(start, x))


def test_build_with_finetuning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "tuned"
    with pytest.raises(SystemExit) as end:
        main(["build", "--board", "host", "--recipe", "fast", "--finetune", "2", "-o", str(out)])
    assert end.value.code == 0
    steps = json.loads((out / "report.json").read_text())["steps"]
    assert steps[-1]["name"] == "fine-tuning, 2 epochs"
    assert "fine-tuning" in capsys.readouterr().out


def test_build_without_pytorch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                               capsys: pytest.CaptureFixture[str]) -> None:
    for name in [n for n in sys.modules if n == "torch" or n.startswith("edgeq.qat")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SystemExit) as end:
        main(["build", "--board", "host", "--finetune", "1", "-o", str(tmp_path / "no")])
    assert end.value.code == 2
    assert "edgeq[qat]" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_the_snippet_of_the_manual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manual = (EXAMPLE.parents[1] / "docs" / "qat.md").read_text()
    code = "\n".join(re.findall(r"```python\n(.*?)```", manual, re.DOTALL))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits.tflite").write_bytes((EXAMPLE / "digits.tflite").read_bytes())
    (tmp_path / "train.npz").write_bytes((EXAMPLE / "digits_calib.npz").read_bytes())
    exec(compile(code, "docs/qat.md", "exec"), {})
    assert (tmp_path / "out" / "src").is_dir()


def test_float_graph_is_what_the_integers_stand_for() -> None:
    start, x, _ = digits(Recipe())
    exported = qat.QatModel(start).export()
    (name,) = start.graph.outs
    source = start.graph.ins[0]
    want = run_float(edgeq.simplify(edgeq.read(EXAMPLE / "digits.tflite")), {source: x[:8]})
    got = run_float(exported.float_graph, {source: x[:8]})
    np.testing.assert_allclose(got[name], want[name], atol=1e-4)
