"""Writes a .tflite file from a list of tensors and operators, without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import flatbuffers
import numpy as np
import tflite
from numpy.typing import NDArray

OptionValue = int | float | bool | Sequence[int]

_TYPES = {
    np.dtype(np.float16): tflite.TensorType.FLOAT16,
    np.dtype(np.float32): tflite.TensorType.FLOAT32,
    np.dtype(np.int32): tflite.TensorType.INT32, np.dtype(np.int64): tflite.TensorType.INT64,
    np.dtype(np.int8): tflite.TensorType.INT8, np.dtype(np.int16): tflite.TensorType.INT16,
    np.dtype(np.uint8): tflite.TensorType.UINT8, np.dtype(np.bool_): tflite.TensorType.BOOL,
}


@dataclass(frozen=True, eq=False)
class Quant:
    """Affine parameters of a tensor: one scale and zero, or one a channel along `axis`."""

    scale: Sequence[float]
    zero: Sequence[int]
    axis: int = 0


@dataclass(frozen=True, eq=False)
class _Tensor:
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype  # type: ignore[type-arg]
    data: bytes
    quant: Quant | None


@dataclass(frozen=True)
class _Op:
    code: str
    ins: tuple[int, ...]
    outs: tuple[int, ...]
    options: str
    values: Mapping[str, OptionValue]


@dataclass
class TfliteWriter:
    """Collects one subgraph; tensors are known by the index that `tensor` and `const` return."""

    name: str = "main"
    tensors: list[_Tensor] = field(default_factory=list)
    ops: list[_Op] = field(default_factory=list)

    def tensor(self, name: str, shape: Sequence[int], dtype: type = np.float32,
               quant: Quant | None = None) -> int:
        """Adds an activation; returns its index."""
        self.tensors.append(_Tensor(name, tuple(shape), np.dtype(dtype), b"", quant))
        return len(self.tensors) - 1

    def const(self, name: str, data: NDArray, quant: Quant | None = None) -> int:  # type: ignore[type-arg]
        """Adds a constant; returns its index."""
        self.tensors.append(_Tensor(name, data.shape, data.dtype, data.tobytes(), quant))
        return len(self.tensors) - 1

    def op(self, code: str, ins: Sequence[int], outs: Sequence[int], options: str = "",
           **values: OptionValue) -> None:
        """Adds a node, e.g. op("SOFTMAX", [x], [y], "SoftmaxOptions", Beta=1.0); -1: no input."""
        self.ops.append(_Op(code, tuple(ins), tuple(outs), options, values))

    def write(self, ins: Sequence[int], outs: Sequence[int]) -> bytes:
        """The file's bytes."""
        b = flatbuffers.Builder(1 << 16)
        codes = sorted({op.code for op in self.ops})
        buffers = [self._buffer(b, b"")] + [self._buffer(b, t.data) for t in self.tensors if t.data]
        tensors, used = [], 0
        for t in self.tensors:
            used += bool(t.data)
            tensors.append(self._tensor(b, t, used if t.data else 0))
        ops = [self._op(b, op, codes.index(op.code)) for op in self.ops]
        graph = self._subgraph(b, tensors, ops, ins, outs)
        code_offsets = [self._code(b, code) for code in codes]
        description = b.CreateString("edgeq example")
        code_vec = _offsets(b, tflite.ModelStartOperatorCodesVector, code_offsets)
        graph_vec = _offsets(b, tflite.ModelStartSubgraphsVector, [graph])
        buffer_vec = _offsets(b, tflite.ModelStartBuffersVector, buffers)
        tflite.ModelStart(b)
        tflite.ModelAddVersion(b, 3)
        tflite.ModelAddOperatorCodes(b, code_vec)
        tflite.ModelAddSubgraphs(b, graph_vec)
        tflite.ModelAddDescription(b, description)
        tflite.ModelAddBuffers(b, buffer_vec)
        b.Finish(tflite.ModelEnd(b), b"TFL3")
        return bytes(b.Output())

    def _subgraph(self, b: flatbuffers.Builder, tensors: list[int], ops: list[int],
                  ins: Sequence[int], outs: Sequence[int]) -> int:
        name = b.CreateString(self.name)
        tensor_vec = _offsets(b, tflite.SubGraphStartTensorsVector, tensors)
        op_vec = _offsets(b, tflite.SubGraphStartOperatorsVector, ops)
        in_vec = _ints(b, tflite.SubGraphStartInputsVector, ins)
        out_vec = _ints(b, tflite.SubGraphStartOutputsVector, outs)
        tflite.SubGraphStart(b)
        tflite.SubGraphAddTensors(b, tensor_vec)
        tflite.SubGraphAddInputs(b, in_vec)
        tflite.SubGraphAddOutputs(b, out_vec)
        tflite.SubGraphAddOperators(b, op_vec)
        tflite.SubGraphAddName(b, name)
        return int(tflite.SubGraphEnd(b))

    @staticmethod
    def _buffer(b: flatbuffers.Builder, data: bytes) -> int:
        vec = 0
        if data:
            tflite.BufferStartDataVector(b, len(data))
            b.head -= len(data)
            b.Bytes[b.Head():b.Head() + len(data)] = data
            vec = b.EndVector()
        tflite.BufferStart(b)
        if data:
            tflite.BufferAddData(b, vec)
        return int(tflite.BufferEnd(b))

    @staticmethod
    def _tensor(b: flatbuffers.Builder, t: _Tensor, buffer: int) -> int:
        name = b.CreateString(t.name)
        shape = _ints(b, tflite.TensorStartShapeVector, t.shape)
        quant = 0
        if t.quant is not None:
            scale = b.CreateNumpyVector(np.asarray(t.quant.scale, np.float32))
            zero = b.CreateNumpyVector(np.asarray(t.quant.zero, np.int64))
            tflite.QuantizationParametersStart(b)
            tflite.QuantizationParametersAddScale(b, scale)
            tflite.QuantizationParametersAddZeroPoint(b, zero)
            tflite.QuantizationParametersAddQuantizedDimension(b, t.quant.axis)
            quant = tflite.QuantizationParametersEnd(b)
        tflite.TensorStart(b)
        tflite.TensorAddShape(b, shape)
        tflite.TensorAddType(b, _TYPES[t.dtype])
        tflite.TensorAddBuffer(b, buffer)
        tflite.TensorAddName(b, name)
        if t.quant is not None:
            tflite.TensorAddQuantization(b, quant)
        return int(tflite.TensorEnd(b))

    @staticmethod
    def _op(b: flatbuffers.Builder, op: _Op, code: int) -> int:
        ins = _ints(b, tflite.OperatorStartInputsVector, op.ins)
        outs = _ints(b, tflite.OperatorStartOutputsVector, op.outs)
        options = _options(b, op) if op.options else 0
        tflite.OperatorStart(b)
        tflite.OperatorAddOpcodeIndex(b, code)
        tflite.OperatorAddInputs(b, ins)
        tflite.OperatorAddOutputs(b, outs)
        if op.options:
            tflite.OperatorAddBuiltinOptionsType(b, getattr(tflite.BuiltinOptions, op.options))
            tflite.OperatorAddBuiltinOptions(b, options)
        return int(tflite.OperatorEnd(b))

    @staticmethod
    def _code(b: flatbuffers.Builder, code: str) -> int:
        number = getattr(tflite.BuiltinOperator, code)
        tflite.OperatorCodeStart(b)
        tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(number, 127))
        tflite.OperatorCodeAddVersion(b, 1)
        tflite.OperatorCodeAddBuiltinCode(b, number)
        return int(tflite.OperatorCodeEnd(b))


def _options(b: flatbuffers.Builder, op: _Op) -> int:
    """The options table `op.options` with the fields of `op.values`, CamelCase as in the schema."""
    ready = {key: _ints(b, getattr(tflite, f"{op.options}Start{key}Vector"), value)
             if isinstance(value, Sequence) else value for key, value in op.values.items()}
    getattr(tflite, f"{op.options}Start")(b)
    for key, value in ready.items():
        getattr(tflite, f"{op.options}Add{key}")(b, value)
    return int(getattr(tflite, f"{op.options}End")(b))


def _ints(b: flatbuffers.Builder, start, values: Sequence[int]) -> int:  # type: ignore[no-untyped-def]
    start(b, len(values))
    for value in reversed(values):
        b.PrependInt32(int(value))
    return int(b.EndVector())


def _offsets(b: flatbuffers.Builder, start, values: Sequence[int]) -> int:  # type: ignore[no-untyped-def]
    start(b, len(values))
    for value in reversed(values):
        b.PrependUOffsetTRelative(value)
    return int(b.EndVector())
