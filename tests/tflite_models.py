"""Small .tflite files for tests, through the object API of LiteRT's schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
import tflite
from numpy.typing import NDArray

schema = pytest.importorskip("ai_edge_litert.schema_py_generated")

_TYPES = {
    "float32": tflite.TensorType.FLOAT32, "float16": tflite.TensorType.FLOAT16,
    "int8": tflite.TensorType.INT8, "uint8": tflite.TensorType.UINT8,
    "int16": tflite.TensorType.INT16, "int32": tflite.TensorType.INT32,
    "bool": tflite.TensorType.BOOL, "resource": tflite.TensorType.RESOURCE,
    "complex64": tflite.TensorType.COMPLEX64, "string": tflite.TensorType.STRING,
}


@dataclass
class ModelFile:
    """Collects tensors and operators; `write` makes the file."""

    tensors: list[object] = field(default_factory=list)
    buffers: list[object] = field(default_factory=lambda: [schema.BufferT()])
    ops: list[object] = field(default_factory=list)
    codes: list[object] = field(default_factory=list)

    def tensor(self, name: str, shape: tuple[int, ...], dtype: str = "float32",
               q: tuple[float, int] | None = None) -> int:
        """The number of a new activation; `q` is (scale, zero), a size of -1 is open."""
        t = schema.TensorT()
        t.name, t.shape, t.type, t.buffer = name.encode(), list(shape), _TYPES[dtype], 0
        if -1 in shape:
            t.shape, t.shapeSignature = [max(1, n) for n in shape], list(shape)
        if q is not None:
            t.quantization = schema.QuantizationParametersT()
            t.quantization.scale, t.quantization.zeroPoint = [q[0]], [q[1]]
        self.tensors.append(t)
        return len(self.tensors) - 1

    def const(self, name: str, data: NDArray[np.generic],
              q: tuple[float, int] | None = None) -> int:
        """The number of a new constant."""
        number = self.tensor(name, data.shape, data.dtype.name, q)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data.tobytes(), np.uint8)
        self.buffers.append(buffer)
        self.tensors[number].buffer = len(self.buffers) - 1  # type: ignore[attr-defined]
        return number

    def op(self, kind: str, ins: list[int], outs: list[int], options: object = None,
           custom: str = "") -> None:
        """A node of builtin operator `kind`; `options` is an object such as Conv2DOptionsT.

        `custom` names the operator where `kind` is CUSTOM.
        """
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(tflite.BuiltinOperator, kind)
        code.deprecatedBuiltinCode = min(127, code.builtinCode)
        code.customCode = custom.encode() or None
        self.codes.append(code)
        op = schema.OperatorT()
        op.opcodeIndex, op.inputs, op.outputs = len(self.codes) - 1, ins, outs
        if options is not None:
            name = type(options).__name__.removesuffix("T")
            op.builtinOptionsType = getattr(tflite.BuiltinOptions, name)
            op.builtinOptions = options
        self.ops.append(op)

    def inner(self) -> ModelFile:
        """Another graph of the same file; `write` takes it as one of `others`."""
        return ModelFile(buffers=self.buffers, codes=self.codes)

    def write(self, path: Path, ins: list[int], outs: list[int],
              others: Sequence[tuple[ModelFile, list[int], list[int]]] = ()) -> Path:
        """The file at `path`; `others` are its graphs 1, 2, ... with their inputs and outputs."""
        graphs = []
        for part, inputs, outputs in ((self, ins, outs), *others):
            graph = schema.SubGraphT()
            graph.tensors, graph.operators, graph.inputs, graph.outputs = (
                part.tensors, part.ops, inputs, outputs)
            graphs.append(graph)
        model = schema.ModelT()
        model.version, model.subgraphs = 3, graphs
        model.operatorCodes, model.buffers = self.codes, self.buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path


def conv_options(act: int = tflite.ActivationFunctionType.NONE) -> object:
    """3x3-ready options: SAME padding, stride and dilation 1."""
    options = schema.Conv2DOptionsT()
    options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
    options.padding, options.fusedActivationFunction = tflite.Padding.SAME, act
    return options


def dense_options(act: int = tflite.ActivationFunctionType.NONE, keep: bool = False) -> object:
    """Options of a FULLY_CONNECTED node."""
    options = schema.FullyConnectedOptionsT()
    options.fusedActivationFunction, options.keepNumDims = act, keep
    return options
