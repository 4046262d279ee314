"""Models as ONNX Runtime's quantizer writes them: both layouts, all operators that it knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
tools = pytest.importorskip("onnxruntime.quantization")

from onnx_models import OnnxFile  # noqa: E402

from edgeq.execute import run_int  # noqa: E402
from edgeq.passes import simplify  # noqa: E402
from edgeq.readers import read  # noqa: E402

Floats = NDArray[np.float32]
SHAPE = (1, 3, 8, 8)


def dense(m: OnnxFile) -> str:
    f = m.op("Flatten", ["x"], "f")
    h = m.op("Gemm", [f, m.random("w", 24, 192, scale=0.1), m.random("b", 24)], "h", transB=1)
    return m.op("MatMul", [m.op("Relu", [h], "r"), m.random("v", 24, 6)], "y")


def conv(m: OnnxFile) -> str:
    return m.op("Conv", ["x", m.random("w", 8, 3, 3, 3), m.random("b", 8)], "c",
                pads=[1, 1, 1, 1])


def leaky(m: OnnxFile) -> str:
    return m.op("LeakyRelu", [conv(m)], "y", alpha=0.1)


def gate(m: OnnxFile) -> str:
    c = conv(m)
    return m.op("Mul", [c, m.op("Sigmoid", [c], "s")], "y")


def excite(m: OnnxFile) -> str:
    c = conv(m)
    g = m.op("GlobalAveragePool", [c], "g")
    e = m.op("Conv", [g, m.random("e", 8, 8, 1, 1), m.random("eb", 8)], "k")
    return m.op("Mul", [c, m.op("Sigmoid", [e], "s")], "y")


def joined(m: OnnxFile) -> str:
    c = conv(m)
    d = m.op("Conv", ["x", m.random("d", 4, 3, 1, 1)], "d1")
    return m.op("Concat", [c, d], "y", axis=1)


def pooled(m: OnnxFile) -> str:
    p = m.op("AveragePool", [conv(m)], "p", kernel_shape=[2, 2], strides=[2, 2])
    return m.op("Add", [p, m.op("MaxPool", ["c"], "q", kernel_shape=[2, 2], strides=[2, 2])], "y")


def softmax(m: OnnxFile) -> str:
    return m.op("Softmax", [dense_only(m)], "y", axis=1)


def dense_only(m: OnnxFile) -> str:
    f = m.op("Flatten", ["x"], "f")
    return m.op("Gemm", [f, m.random("w", 192, 6, scale=0.1), m.random("b", 6)], "h")


def alone(kind: str, **attrs: object) -> Callable[[OnnxFile], str]:
    return lambda m: m.op(kind, ["x"], "y", **attrs)


def product(m: OnnxFile) -> str:
    return m.op("Mul", ["x", m.random("k", 1, 3, 1, 1)], "y")


# how many steps off: one, or where a layer's last rounding passes through others, two
CASES = {
    **{f.__name__: (f, 1) for f in (dense, conv, joined, product)},
    "LeakyRelu": (alone("LeakyRelu", alpha=0.1), 1), "Sigmoid": (alone("Sigmoid"), 1),
    **{f.__name__: (f, 2) for f in (leaky, gate, excite, pooled, softmax)},
}


class Samples:
    """The calibration data that ONNX Runtime's quantizer asks for."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self.left = [{"x": rng.normal(size=SHAPE).astype(np.float32)} for _ in range(8)]

    def get_next(self) -> dict[str, Floats] | None:
        return self.left.pop() if self.left else None


@pytest.mark.parametrize("unsigned", [False, True], ids=["int8", "uint8"])
@pytest.mark.parametrize(("layout", "per_channel"), [
    ("QDQ", True), ("QDQ", False), ("QOperator", True), ("QOperator", False)])
@pytest.mark.parametrize("name", CASES)
def test_within_steps(tmp_path: Path, name: str, layout: str, per_channel: bool,
                       unsigned: bool) -> None:
    m = OnnxFile(13)
    m.input("x", SHAPE)
    make, most = CASES[name]
    out = make(m)
    source, path = m.write(tmp_path / "float.onnx", out), tmp_path / "int8.onnx"
    tools.quantize_static(
        str(source), str(path), Samples(), quant_format=tools.QuantFormat[layout],
        per_channel=per_channel, weight_type=tools.QuantType.QInt8,
        activation_type=tools.QuantType.QUInt8 if unsigned else tools.QuantType.QInt8,
        extra_options={"WeightSymmetric": True, "QDQDisableWeightAdjustForInt32Bias": True})
    graph = simplify(read(path))
    (x_name,), (y_name,) = graph.ins, graph.outs
    q_x, q_y = graph.tensor(x_name).params, graph.tensor(y_name).params
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    rng, steps = np.random.default_rng(4), []
    for _ in range(10):
        x = rng.normal(size=SHAPE).astype(np.float32)
        (want,) = session.run(None, {"x": x})
        moved = graph.moved.get(x_name)
        seen = x if moved is None else x.transpose(np.argsort(moved))
        codes = np.clip(np.rint(seen / np.float32(q_x.scale)) + q_x.zero, -128, 127)
        (got,) = run_int(graph, {x_name: codes.astype(np.int8)}).values()
        back = graph.moved.get(y_name)
        got = got if back is None else got.transpose(back)
        steps.append(np.abs(q_y.dequantize(got) - want) / float(q_y.scale))
    off = np.concatenate([s.reshape(-1) for s in steps])
    assert off.max() <= most + 0.01
    assert (off > 0.5).mean() <= (0.3 if most == 2 else 0.1)
