"""Tiny .tflite files for tests: one operator over given tensors; and LiteRT to run them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

# others: int8 is version 2
_FIRST_VERSION = ("RELU_N1_TO_1", "ELU", "HARD_SWISH", "PRELU", "GELU", "CEIL", "COS", "FLOOR",
                  "NEG", "ROUND", "SIN", "SQUARE", "DEPTH_TO_SPACE", "LOGICAL_AND", "LOGICAL_OR",
                  "LOGICAL_NOT", "CUMSUM", "ONE_HOT", "REDUCE_ANY", "REDUCE_ALL", "POW",
                  "RELU_0_TO_1", "L2_POOL_2D", "LOCAL_RESPONSE_NORMALIZATION")
_TYPES = {"int4": schema.TensorType.INT4, "uint8": schema.TensorType.UINT8,
          "float32": schema.TensorType.FLOAT32,
          "int8": schema.TensorType.INT8,
          "int16": schema.TensorType.INT16, "int32": schema.TensorType.INT32,
          "int64": schema.TensorType.INT64, "bool": schema.TensorType.BOOL}


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of the file; a constant where it has `data`, quantized where it has `scale`."""

    name: str
    shape: tuple[int, ...]
    scale: float = 0.0
    zero: int = 0
    data: NDArray | None = None  # type: ignore[type-arg]
    kind: str = ""  # number type where the other fields do not tell it
    variable: bool = False  # keeps its value from run to run
    zeros: tuple[int, ...] = ()  # one a channel of axis 0, all of the same scale
    scales: tuple[float, ...] = ()  # one a channel of `axis`, zero point 0
    axis: int = 0

    @property
    def dtype(self) -> str:
        if self.kind:
            return self.kind
        if self.data is not None:
            return self.data.dtype.name
        return "int8" if self.scale else "float32"


def single_op(kind: str, ins: Sequence[Value | None], outs: Sequence[Value],
              options: object | None = None, inner: Sequence[Value] = (),
              custom: bytes = b"") -> bytes:
    """A model of the one operator `kind` (a BuiltinOperator name, or "CUSTOM " and the name of one
    with the options `custom`); `options` from the schema.

    None stands for an optional input that is absent, `inner` for the intermediates.
    """
    given = [v for v in ins if v is not None]
    values = list({v.name: v for v in (*given, *outs, *inner)}.values())
    index = {v.name: i for i, v in enumerate(values)}
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT()]
    graph = schema.SubGraphT()
    graph.tensors = [_tensor(v, model) for v in values]
    graph.inputs = [index[v.name] for v in {v.name: v for v in given}.values()
                    if v.data is None and not v.variable]
    graph.outputs = [index[v.name] for v in outs]
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, kind.split(" ")[0])
    if " " in kind:
        code.customCode = kind.split(" ")[1]
    code.deprecatedBuiltinCode = min(127, code.builtinCode)
    code.version = 1 if kind in _FIRST_VERSION else 2
    model.operatorCodes = [code]
    op = schema.OperatorT()
    op.opcodeIndex = 0
    op.inputs = [-1 if v is None else index[v.name] for v in ins]
    op.outputs = [index[v.name] for v in outs]
    op.intermediates = [index[v.name] for v in inner]
    if custom:
        op.customOptions = np.frombuffer(custom, np.uint8)
    if options is not None:
        op.builtinOptions = options
        op.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__[:-1])
    graph.operators = [op]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _paired(data: NDArray) -> NDArray:  # type: ignore[type-arg]
    """4-bit integers two a byte, the first in the low half."""
    flat = np.append(data.reshape(-1), np.zeros(data.size % 2, np.int8)).astype(np.uint8) & 15
    return flat[::2] | flat[1::2] << 4


def _tensor(value: Value, model: schema.ModelT) -> schema.TensorT:
    tensor = schema.TensorT()
    tensor.name = value.name
    tensor.shape = list(value.shape)
    tensor.type = _TYPES[value.dtype]
    tensor.isVariable = value.variable
    if value.data is not None:
        buffer = schema.BufferT()
        data = _paired(value.data) if value.kind == "int4" else value.data
        buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
        model.buffers.append(buffer)
        tensor.buffer = len(model.buffers) - 1
    if value.scale:
        q = schema.QuantizationParametersT()
        q.scale, q.zeroPoint = [value.scale], [value.zero]
        if value.zeros:
            q.scale, q.zeroPoint = [value.scale] * len(value.zeros), list(value.zeros)
        elif value.scales:
            q.scale, q.zeroPoint = list(value.scales), [0] * len(value.scales)
            q.quantizedDimension = value.axis
        tensor.quantization = q
    return tensor


class Reference:
    """LiteRT's reference kernels on a model; the others where there is no reference (ELU)."""

    def __init__(self, model: bytes, reference: bool = True) -> None:
        self._interpreter = Interpreter(
            model_content=model, num_threads=1,
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF if reference
            else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
        self._interpreter.allocate_tensors()

    def run(self, *xs: NDArray) -> tuple[NDArray, ...]:  # type: ignore[type-arg]
        """Outputs for the inputs `xs`, in the order of the file."""
        for detail, x in zip(self._interpreter.get_input_details(), xs, strict=True):
            self._interpreter.set_tensor(detail["index"], x)
        self._interpreter.invoke()
        return tuple(self._interpreter.get_tensor(d["index"])
                     for d in self._interpreter.get_output_details())
