"""ONNX models against ONNX Runtime: floats within 1e-4, quantized ones within one step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
ort = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

from onnx_models import OnnxFile  # noqa: E402

from edgeq.execute import run_float, run_int  # noqa: E402
from edgeq.ir import Graph  # noqa: E402
from edgeq.ops.base import check_limits  # noqa: E402
from edgeq.ops.gather import Transpose  # noqa: E402
from edgeq.passes import simplify  # noqa: E402
from edgeq.readers import read  # noqa: E402

Floats = NDArray[np.float32]
Make = Callable[[Path], Path]


def turned(graph: Graph, name: str, x: Floats) -> Floats:
    """`x` from the file's order of axes into the graph's."""
    return x.transpose(np.argsort(graph.moved[name])) if name in graph.moved else x


def returned(graph: Graph, name: str, y: Floats) -> Floats:
    """`y` from the graph's order of axes into the file's."""
    return y.transpose(graph.moved[name]) if name in graph.moved else y


def feeds_of(session: ort.InferenceSession, seed: int = 3) -> dict[str, Floats]:
    rng = np.random.default_rng(seed)
    shapes = {i.name: [d if isinstance(d, int) else 1 for d in i.shape]
              for i in session.get_inputs()}
    return {n: rng.normal(size=s).astype(np.float32) for n, s in shapes.items()}


def same_as_oracle(path: Path) -> Graph:
    """The simplified graph of `path`, whose floats are those of ONNX Runtime."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feeds = feeds_of(session)
    want = session.run(None, feeds)
    graph = read(path)
    for g in (graph, simplify(graph)):
        got = run_float(g, {n: turned(g, n, x) for n, x in feeds.items()})
        for name, w in zip(g.outs, want, strict=True):
            y = returned(g, name, got[name])
            assert y.shape == w.shape, name
            np.testing.assert_allclose(y, w, rtol=1e-4, atol=1e-4 * float(np.abs(w).max()))
    return simplify(graph)


def kinds(graph: Graph) -> list[str]:
    return [type(op).__name__ for op in graph.ops]


def moves(graph: Graph) -> int:
    return sum(isinstance(op, Transpose) for op in graph.ops)


def test_mnist(shared: Callable[[str], Path]) -> None:
    graph = same_as_oracle(shared("models/mnist_float32.onnx"))
    assert kinds(graph) == ["Conv2D", "MaxPool", "Conv2D", "MaxPool", "Reshape", "Dense"]
    assert graph.tensor(graph.ins[0]).shape == (1, 28, 28, 1)


@pytest.mark.parametrize("name", ["arm_kws_lstm_s", "arm_kws_gru_s"])
def test_recurrent(name: str, shared: Callable[[str], Path]) -> None:
    same_as_oracle(shared(f"models/{name}_float32.onnx"))


@pytest.mark.parametrize("pad", ["SAME_UPPER", "SAME_LOWER", "VALID", "explicit"])
@pytest.mark.parametrize("groups", [1, 2, 4, 8])
def test_convolutions(tmp_path: Path, pad: str, groups: int) -> None:
    m = OnnxFile()
    m.input("x", ("batch", 8, 9, 7))
    w = m.random("w", 16, 8 // groups, 3, 2)
    how = {"pads": [1, 0, 2, 1]} if pad == "explicit" else {"auto_pad": pad}
    m.op("Conv", ["x", w, m.random("b", 16)], "c", strides=[2, 1], group=groups, **how)
    m.op("Relu", ["c"], "y")
    graph = same_as_oracle(m.write(tmp_path / "m.onnx", "y"))
    assert moves(graph) == 0
    assert graph.moved["x"] == graph.moved["y"] == (0, 3, 1, 2)


def test_flatten_into_dense(tmp_path: Path) -> None:
    """The order that channels last give a flattened map goes into the dense weights."""
    m = OnnxFile()
    m.input("x", (1, 3, 6, 6))
    m.op("Conv", ["x", m.random("w", 5, 3, 3, 3)], "c")
    m.op("Sigmoid", ["c"], "s")
    m.op("Flatten", ["s"], "f")
    m.op("Tanh", ["f"], "t")
    m.op("Gemm", ["t", m.random("a", 80, 7), m.random("b", 7)], "g", alpha=0.5, beta=2.0)
    m.op("Gemm", ["g", m.random("a2", 4, 7)], "y", transB=1)
    graph = same_as_oracle(m.write(tmp_path / "m.onnx", "y"))
    assert moves(graph) == 0


def test_shape_arithmetic(tmp_path: Path) -> None:
    """x.view(x.size(0), -1) as exporters write it: Shape, Gather, Unsqueeze, Concat, Reshape."""
    m = OnnxFile(13)
    m.input("x", ("n", 2, 4, 4))
    m.op("Conv", ["x", m.random("w", 3, 2, 1, 1)], "c")
    m.op("Shape", ["c"], "shape")
    m.op("Gather", ["shape", m.const("zero", np.array(0))], "size", axis=0)
    m.op("Cast", ["size"], "cast", to=7)
    m.op("Unsqueeze", ["cast", m.integers("ax", 0)], "first")
    m.op("Concat", ["first", m.integers("rest", -1)], "to", axis=0)
    m.op("Reshape", ["c", "to"], "flat")
    m.op("MatMul", ["flat", m.random("a", 48, 5)], "d")
    m.op("Add", ["d", m.random("b", 5)], "y")
    assert kinds(same_as_oracle(m.write(tmp_path / "m.onnx", "y"))) == ["Conv2D", "Reshape",
                                                                        "Dense"]


def test_one_spatial_axis(tmp_path: Path) -> None:
    m = OnnxFile()
    m.input("x", (1, 4, 20))
    m.op("Conv", ["x", m.random("w", 8, 4, 3)], "c", dilations=[2], pads=[4, 0])
    m.op("BatchNormalization", ["c", m.random("s", 8), m.random("o", 8), m.random("mu", 8),
                                m.const("var", np.full(8, 0.7, np.float32))], "n")
    m.op("LeakyRelu", ["n"], "r")
    m.op("Conv", ["r", m.random("v", 8, 1, 3)], "d", group=8, pads=[1, 1])
    m.op("Add", ["d", "r"], "a")
    m.op("AveragePool", ["a"], "p", kernel_shape=[2], strides=[2])
    m.op("GlobalAveragePool", ["p"], "y")
    graph = same_as_oracle(m.write(tmp_path / "m.onnx", "y"))
    assert moves(graph) == 0
    assert kinds(graph)[:3] == ["Reshape", "Conv2D", "LeakyRelu"]


def test_squeeze_and_excite_with_hard_functions(tmp_path: Path) -> None:
    m = OnnxFile()
    m.input("x", (1, 8, 5, 5))
    m.op("Conv", ["x", m.random("w", 8, 8, 1, 1)], "c")
    m.op("HardSigmoid", ["c"], "h", alpha=1 / 6, beta=0.5)
    m.op("Mul", ["c", "h"], "swish")
    m.op("ReduceMean", ["swish"], "m", axes=[2, 3], keepdims=1)
    m.op("Conv", ["m", m.random("s1", 2, 8, 1, 1)], "e")
    m.op("Relu", ["e"], "er")
    m.op("Conv", ["er", m.random("s2", 8, 2, 1, 1)], "f")
    m.op("Sigmoid", ["f"], "g")
    m.op("Mul", ["swish", "g"], "y")
    graph = same_as_oracle(m.write(tmp_path / "m.onnx", "y"))
    assert kinds(graph) == ["Conv2D", "Composite", "Mean", "Conv2D", "Conv2D", "Logistic", "Mul"]


def test_gelu_and_layer_norm_written_out(tmp_path: Path) -> None:
    m = OnnxFile(13)
    m.input("x", (1, 6, 16))
    m.op("ReduceMean", ["x"], "mu", axes=[-1])
    m.op("Sub", ["x", "mu"], "d")
    m.op("Pow", ["d", m.const("two", np.array(2.0, np.float32))], "d2")
    m.op("ReduceMean", ["d2"], "var", axes=[-1])
    m.op("Add", ["var", m.const("eps", np.array(1e-5, np.float32))], "v")
    m.op("Sqrt", ["v"], "s")
    m.op("Div", ["d", "s"], "n")
    m.op("Mul", ["n", m.random("g", 16)], "ng")
    m.op("Add", ["ng", m.random("o", 16)], "h")
    m.op("MatMul", ["h", m.random("a", 16, 24)], "f")
    m.op("Div", ["f", m.const("r2", np.array(2**0.5, np.float32))], "e")
    m.op("Erf", ["e"], "er")
    m.op("Add", ["er", m.const("one", np.array(1.0, np.float32))], "e1")
    m.op("Mul", ["f", "e1"], "e2")
    m.op("Mul", ["e2", m.const("half", np.array(0.5, np.float32))], "y")
    graph = same_as_oracle(m.write(tmp_path / "m.onnx", "y"))
    assert kinds(graph)[-2:] == ["Dense", "Composite"]


def test_channel_shuffle_is_one_transpose(tmp_path: Path) -> None:
    m = OnnxFile()
    m.input("x", (1, 8, 4, 4))
    m.op("Conv", ["x", m.random("w", 8, 8, 1, 1)], "c")
    m.op("Reshape", ["c", m.integers("s1", 1, 2, 4, 4, 4)], "r")
    m.op("Transpose", ["r"], "t", perm=[0, 2, 1, 3, 4])
    m.op("Reshape", ["t", m.integers("s2", 1, 8, 4, 4)], "s")
    m.op("Conv", ["s", m.random("v", 8, 1, 3, 3)], "y", group=8)
    assert moves(same_as_oracle(m.write(tmp_path / "m.onnx", "y"))) == 1


# x, then (shape, order of axes) again and again, as PyTorch writes them
REGROUPED = {
    "pixel_shuffle": [((1, 2, 3, 2, 4, 6), (0, 1, 4, 2, 5, 3)), ((1, 2, 12, 12), None)],
    "pixel_unshuffle": [((1, 12, 2, 2, 3, 2), (0, 1, 3, 5, 2, 4)), ((1, 48, 2, 3), None)],
    "patchify": [((1, 12, 2, 2, 3, 2), (0, 2, 4, 3, 5, 1)), ((1, 6, 48), (0, 2, 1))],
    "windows": [((1, 3, 4, 2, 2, 6), (0, 4, 2, 5, 1, 3)), ((2, 4, 36), (0, 2, 1)),
                ((1, 2, 6, 3, 2, 4), (0, 3, 2, 5, 1, 4)), ((1, 36, 8), None)],
    "two shuffles": [((1, 3, 4, 4, 6), (0, 2, 1, 3, 4)), ((1, 2, 6, 4, 6), (0, 2, 1, 4, 3)),
                     ((1, 12, 6, 4), None)],
}


@pytest.mark.parametrize("name", REGROUPED)
@pytest.mark.parametrize("between", [False, True], ids=["moves alone", "between convolutions"])
def test_regrouped_axes(tmp_path: Path, name: str, between: bool) -> None:
    """Values in other places, alone and behind a convolution: within the library's own moves."""
    m = OnnxFile()
    x = m.input("x", (1, 12, 4, 6))
    if between:
        x = m.op("Conv", [x, m.random("w", 12, 12, 1, 1)], "c")
    for i, (shape, order) in enumerate(REGROUPED[name]):
        x = m.op("Reshape", [x, m.integers(f"s{i}", *shape)], f"r{i}")
        x = x if order is None else m.op("Transpose", [x], f"t{i}", perm=list(order))
    m.op("Relu", [x], "y")
    graph = same_as_oracle(m.write(tmp_path / "m.onnx", "y"))
    for op in graph.ops:
        check_limits(op, graph)


@pytest.mark.parametrize("kind", ["Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Equal"])
@pytest.mark.parametrize("constant", [False, True])
def test_comparisons_keep_the_order_of_axes(tmp_path: Path, kind: str, constant: bool) -> None:
    """Each is one operator, on images as their layers store them."""
    m = OnnxFile()
    m.input("x", (1, 3, 4, 4))
    m.op("Conv", ["x", m.random("w", 5, 3, 1, 1)], "c")
    other = m.random("k", 5, 1, 1) if constant else m.op("GlobalMaxPool", ["c"], "p")
    m.op("Where", [m.op(kind, [other, "c"], "d"), "c", m.op("Relu", ["c"], "r")], "y")
    graph = same_as_oracle(m.write(tmp_path / "m.onnx", "y"))
    assert kinds(graph).count("Compare") == 1
    assert not moves(graph)


@pytest.mark.parametrize("kept", [0, 1])
@pytest.mark.parametrize("axes", [[1], [2, 3], [1, 3], [-1]], ids=str)
def test_products_over_axes(tmp_path: Path, axes: list[int], kept: int) -> None:
    m = OnnxFile()
    m.input("x", (1, 5, 4, 3))
    m.op("ReduceProd", ["x"], "y", axes=axes, keepdims=kept)
    same_as_oracle(m.write(tmp_path / "m.onnx", "y"))


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("shape", [(1, 4, 9), (1, 4, 9, 7)], ids=str)
@pytest.mark.parametrize("dilation", [1, 2])
def test_grouped_transposed_convolutions(tmp_path: Path, groups: int, shape: tuple[int, ...],
                                         dilation: int) -> None:
    m, rank = OnnxFile(), len(shape) - 2
    m.input("x", shape)
    w = m.random("w", 4, 8 // groups, *(3, 2)[:rank])
    m.op("ConvTranspose", ["x", w, m.random("b", 8)], "y", group=groups, strides=[2] * rank,
         pads=[1] * 2 * rank, dilations=[dilation] * rank)
    same_as_oracle(m.write(tmp_path / "m.onnx", "y"))


def test_channels_last_model_keeps_its_input(tmp_path: Path) -> None:
    """What converters make of Keras: transposes around every layer of a channels-last model."""
    m = OnnxFile()
    m.input("x", (1, 6, 6, 3))
    m.op("Transpose", ["x"], "t", perm=[0, 3, 1, 2])
    m.op("Conv", ["t", m.random("w", 4, 3, 3, 3)], "c", auto_pad="SAME_UPPER")
    m.op("Transpose", ["c"], "u", perm=[0, 2, 3, 1])
    m.op("Softmax", ["u"], "y", axis=-1)
    graph = same_as_oracle(m.write(tmp_path / "m.onnx", "y"))
    assert kinds(graph) == ["Conv2D", "Softmax"]
    assert not graph.moved


def test_decoder(tmp_path: Path) -> None:
    """The order of an image that a dense layer paints goes into that layer."""
    m = OnnxFile()
    m.input("x", (1, 6))
    m.op("Gemm", ["x", m.random("a", 6, 36), m.random("b", 36)], "g")
    m.op("Tanh", ["g"], "t")
    m.op("Reshape", ["t", m.integers("to", -1, 4, 3, 3)], "r")
    m.op("Conv", ["r", m.random("w", 2, 4, 3, 3)], "y", pads=[1, 1, 1, 1])
    graph = same_as_oracle(m.write(tmp_path / "m.onnx", "y"))
    assert kinds(graph)[:3] == ["Dense", "Tanh", "Reshape"]
    assert moves(graph) == 0


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_upsampling_and_skip(tmp_path: Path, mode: str) -> None:
    m = OnnxFile()
    m.input("x", (1, 3, 6, 8))
    m.op("Conv", ["x", m.random("w", 4, 3, 3, 3)], "c", strides=[2, 2], pads=[1, 1, 1, 1])
    m.op("Resize", ["c", "", m.const("s", np.array([1, 1, 2, 2], np.float32))], "u", mode=mode,
         coordinate_transformation_mode="asymmetric" if mode == "nearest" else "half_pixel",
         nearest_mode="floor")
    m.op("Concat", ["u", "x"], "j", axis=1)
    m.op("ConvTranspose", ["j", m.random("v", 7, 2, 3, 3), m.random("b", 2)], "y",
         strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])
    graph = same_as_oracle(m.write(tmp_path / "m.onnx", "y"))
    assert moves(graph) == 0
    assert "TransposeConv" in kinds(graph)


def test_oldest_opset(tmp_path: Path) -> None:
    """Opset 7: bounds, pads, axes and splits are attributes; softmax flattens."""
    m = OnnxFile(7)
    m.input("x", (1, 4, 6, 6))
    m.op("Pad", ["x"], "p", pads=[0, 0, 1, 1, 0, 0, 1, 1], value=0.0, mode="constant")
    m.op("Conv", ["p", m.random("w", 6, 4, 3, 3)], "c")
    m.op("Clip", ["c"], "k", min=0.0, max=6.0)
    m.op("Split", ["k"], ["s1", "s2"], axis=1, split=[2, 4])
    m.op("Slice", ["s2"], "sl", axes=[1], starts=[0], ends=[2])
    m.op("Add", ["s1", "sl"], "a")
    m.op("Upsample", ["a"], "u", scales=[1.0, 1.0, 2.0, 2.0])
    m.op("ReduceSum", ["u"], "r", axes=[3], keepdims=0)
    m.op("Squeeze", ["r"], "q", axes=[0])
    m.op("Unsqueeze", ["q"], "uq", axes=[0])
    m.op("Softmax", ["uq"], "y", axis=1)
    graph = same_as_oracle(m.write(tmp_path / "m.onnx", "y"))
    assert kinds(graph)[0] == "Conv2D"  # with the padding and the clip in itself


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    m = OnnxFile()
    m.input("image", (1, 3, 4, 4))
    m.input("gain", (1, 3))
    m.op("Unsqueeze", ["gain", m.integers("ax", 2, 3)], "g")
    m.op("Mul", ["image", "g"], "p")
    m.op("Conv", ["p", m.random("w", 2, 3, 1, 1)], "y")
    m.op("ReduceMax", ["y"], "z", axes=[2, 3], keepdims=0)
    same_as_oracle(m.write(tmp_path / "m.onnx", "y", "z", "p"))


def test_external_data(tmp_path: Path) -> None:
    m = OnnxFile()
    m.input("x", (1, 40))
    m.op("MatMul", ["x", m.random("a", 40, 60)], "y")
    m.output("y")
    path = tmp_path / "m.onnx"
    onnx.save_model(m.model(), str(path), save_as_external_data=True, location="m.data",
                    size_threshold=64)
    assert (tmp_path / "m.data").stat().st_size >= 40 * 60 * 4
    same_as_oracle(path)


# quantized models


def small_cnn(path: Path) -> Path:
    m = OnnxFile(13)
    m.input("x", (1, 2, 8, 8))
    m.op("Conv", ["x", m.random("w", 8, 2, 3, 3), m.random("b", 8)], "c", pads=[1, 1, 1, 1])
    m.op("Relu", ["c"], "r")
    m.op("MaxPool", ["r"], "p", kernel_shape=[2, 2], strides=[2, 2])
    m.op("Conv", ["p", m.random("v", 8, 1, 3, 3), m.random("vb", 8)], "d", group=8,
         pads=[1, 1, 1, 1])
    m.op("Add", ["d", "p"], "a")
    m.op("GlobalAveragePool", ["a"], "g")
    m.op("Flatten", ["g"], "f")
    m.op("Gemm", ["f", m.random("fw", 8, 5), m.random("fb", 5)], "y")
    return m.write(path, "y")


class Samples:
    """The calibration data that ONNX Runtime's quantizer asks for."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self.left = [{"x": rng.normal(size=(1, 2, 8, 8)).astype(np.float32)} for _ in range(8)]

    def get_next(self) -> dict[str, Floats] | None:
        return self.left.pop() if self.left else None


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize(("layout", "per_channel"), [("QDQ", True), ("QDQ", False),
                                                     ("QOperator", False)])
def test_quantized(tmp_path: Path, layout: str, per_channel: bool, unsigned: bool) -> None:
    """The file's parameters are kept; results differ by the last rounding at most."""
    tools = pytest.importorskip("onnxruntime.quantization")
    path = tmp_path / "int8.onnx"
    tools.quantize_static(
        str(small_cnn(tmp_path / "float.onnx")), str(path), Samples(),
        quant_format=tools.QuantFormat[layout], per_channel=per_channel,
        activation_type=tools.QuantType.QUInt8 if unsigned else tools.QuantType.QInt8,
        weight_type=tools.QuantType.QInt8,
        extra_options={"WeightSymmetric": True, "QDQDisableWeightAdjustForInt32Bias": True})
    graph = simplify(read(path))
    assert all(t.q is not None for t in graph.tensors.values())
    initializers = onnx.load(str(path)).graph.initializer
    stored = {i.name: onnx.numpy_helper.to_array(i) for i in initializers}
    assert float(graph.tensor(graph.ins[0]).params.scale) == float(stored["x_scale"])
    (x_name,), (y_name,) = graph.ins, graph.outs
    q_x, q_y = graph.tensor(x_name).params, graph.tensor(y_name).params
    inner = {f"{name[0]}_QuantizeLinear_Output": name for name in ("r/conv", "d/conv", "a")
             if layout == "QDQ"}  # their tensor -> ours; the other layout names them otherwise
    session = with_outputs(path, tuple(inner), unsigned)
    rng, steps, layers = np.random.default_rng(4), [], []
    for _ in range(40):
        x = rng.normal(size=(1, 2, 8, 8)).astype(np.float32)
        want, *maps = session.run(None, {"x": x})
        codes = np.clip(np.rint(turned(graph, x_name, x) / np.float32(q_x.scale)) + q_x.zero,
                        -128, 127).astype(np.int8)  # ONNX rounds halves to even
        got = run_int(graph, {x_name: codes}, keep=graph.tensors)
        steps.append(np.abs(q_y.dequantize(got[y_name]) - want) / float(q_y.scale))
        for ours, theirs in zip(inner.values(), maps, strict=True):
            wide = theirs.transpose(0, 2, 3, 1).astype(np.int64) - 128 * unsigned
            layers.append(np.abs(got[ours] - wide))
    # TFLite's double rounding, and its mean, against ONNX's single rounding
    assert np.max(steps) < 2.5
    assert np.mean(np.array(steps) > 0.5) < 0.3
    for i in range(len(inner)):
        assert np.mean(np.array(layers[i::len(inner)]) > 0) < 0.02


def with_outputs(path: Path, names: tuple[str, ...], unsigned: bool) -> ort.InferenceSession:
    """The model run operator by operator, with the inner tensors `names` as outputs too."""
    model = onnx.load(str(path))
    kind = onnx.TensorProto.UINT8 if unsigned else onnx.TensorProto.INT8
    model.graph.output.extend(onnx.helper.make_tensor_value_info(n, kind, None) for n in names)
    plain = ort.SessionOptions()
    plain.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model.SerializeToString(), plain,
                                providers=["CPUExecutionProvider"])
