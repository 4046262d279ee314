"""Small ONNX models for tests, built node by node with onnx.helper."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

RNG_SEED = 5


class OnnxFile:
    """An ONNX model under construction; float32 unless said otherwise."""

    def __init__(self, opset: int = 17) -> None:
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.ins: list[onnx.ValueInfoProto] = []
        self.outs: list[onnx.ValueInfoProto] = []
        self.consts: list[onnx.TensorProto] = []
        self.rng = np.random.default_rng(RNG_SEED)

    def input(self, name: str, shape: tuple[int | str, ...], dtype: int = TensorProto.FLOAT) -> str:
        self.ins.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def output(self, name: str, dtype: int = TensorProto.FLOAT) -> None:
        self.outs.append(helper.make_tensor_value_info(name, dtype, None))

    def const(self, name: str, data: NDArray[np.generic]) -> str:
        self.consts.append(numpy_helper.from_array(np.asarray(data), name))
        return name

    def random(self, name: str, *shape: int, scale: float = 0.4) -> str:
        return self.const(name, (self.rng.normal(size=shape) * scale).astype(np.float32))

    def integers(self, name: str, *values: int) -> str:
        return self.const(name, np.array(values, np.int64))

    def op(self, kind: str, ins: list[str], out: str | list[str], domain: str = "",
           **attrs: object) -> str:
        outs = [out] if isinstance(out, str) else out
        self.nodes.append(helper.make_node(kind, ins, outs, domain=domain, **attrs))
        return outs[0]

    def model(self) -> onnx.ModelProto:
        graph = helper.make_graph(self.nodes, "test", self.ins, self.outs, self.consts)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)]
        proto = helper.make_model(graph, opset_imports=opsets)
        proto.ir_version = 8
        return proto

    def write(self, path: Path, *outs: str) -> Path:
        for name in outs:
            self.output(name)
        onnx.save(self.model(), path)
        return path
