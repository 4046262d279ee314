"""The flatbuffer of a .tflite file as checked tensors and nodes; damage becomes ModelError."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import numpy as np
import tflite

from edgeq.errors import ModelError, UnsupportedError
from edgeq.ir import Array, QuantParams, Tensor
from edgeq.ops.base import Shape
from edgeq.readers.sparse import dense

_DAMAGED = (struct.error, IndexError, ValueError, TypeError, OverflowError, KeyError,
            AttributeError, AssertionError, ZeroDivisionError, RuntimeError)
_MAX_ELEMENTS = 1 << 30
_LEAST = float(np.finfo(np.float32).tiny)  # the least scale
_FIX = "download or export the model again"

_DTYPES: dict[int, type[np.generic]] = {
    tflite.TensorType.FLOAT32: np.float32, tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT8: np.int8, tflite.TensorType.UINT8: np.uint8,
    tflite.TensorType.INT16: np.int16, tflite.TensorType.INT32: np.int32,
    tflite.TensorType.INT64: np.int64, tflite.TensorType.BOOL: np.bool_,
    tflite.TensorType.FLOAT64: np.float64, tflite.TensorType.INT4: np.int8,
    tflite.TensorType.RESOURCE: np.uint32,  # variables, which the reader resolves
}
_BUILTINS = {v: k for k, v in vars(tflite.BuiltinOperator).items() if isinstance(v, int)}
_TYPE_NAMES = {v: k for k, v in vars(tflite.TensorType).items() if isinstance(v, int)}


@dataclass(frozen=True, eq=False)
class RawTensor:
    """A tensor of the file. `tensor` holds shape, constant data and parameters.

    Quantized uint8 values are int8 there, of the same real values; `dtype` is the file's.
    """

    tensor: Tensor
    dtype: type[np.generic]
    declared: tuple[int | None, ...]  # its shape with None where the file leaves a size open
    strange: str = ""  # the file's type where it is none that edgeq has numbers of


@dataclass(frozen=True, eq=False)
class RawNode:
    """A node of the file: operator name, tensor numbers (-1: an absent optional input)."""

    index: int
    kind: str
    ins: tuple[int, ...]
    outs: tuple[int, ...]
    op: tflite.Operator
    label: str = ""  # in front of its name: what runs the graph that it stands in


@dataclass(frozen=True, eq=False)
class RawGraph:
    """One subgraph of a file."""

    tensors: tuple[RawTensor, ...]
    nodes: tuple[RawNode, ...]
    ins: tuple[int, ...]
    outs: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class RawModel(RawGraph):
    """The main subgraph of a file; `subgraph(i)` gives the others, which loops and branches run."""

    where: str
    subgraph: Callable[[int], RawGraph]


def refuse_strange(where: str, tensor: RawTensor) -> None:
    """Raise UnsupportedError for a tensor of complex numbers, texts and the like."""
    if tensor.strange:
        raise UnsupportedError(where, f"type {tensor.strange}",
                               "float32, float16, int4, int8, uint8, int16, int32, int64",
                               "export the model as float32 or int8")


@contextmanager
def damage_is_model_error(where: str) -> Iterator[None]:
    """Turn what the flatbuffer package raises on nonsense into ModelError."""
    try:
        yield
    except _DAMAGED as error:
        raise ModelError(where, f"damaged file ({type(error).__name__}: {error})",
                         "a sound .tflite model", _FIX) from error


def load(path: Path) -> RawModel:
    """The checked contents of the .tflite file at `path`; raises ModelError, UnsupportedError."""
    where = path.name
    try:
        blob = path.read_bytes()
    except OSError as error:
        raise ModelError(str(path), f"cannot be read ({error.strerror})", "a readable file",
                         "check the path") from error
    if len(blob) < 16 or blob[4:8] != b"TFL3":
        raise ModelError(where, f"{len(blob)} bytes without the mark TFL3 at offset 4",
                         "a .tflite file", _FIX)
    with damage_is_model_error(where):
        return _Loader(where, blob).model()


class _Loader:
    """One pass over the tables of a file; every count is bounded by the file's size."""

    def __init__(self, where: str, blob: bytes) -> None:
        self.where, self.blob = where, blob
        self.file = tflite.Model.GetRootAsModel(blob, 0)

    def bad(self, found: str, allowed: str = "") -> ModelError:
        return ModelError(self.where, found, allowed, _FIX)

    def count(self, n: int, what: str) -> int:
        """`n`, which the file must be large enough to hold (four bytes an entry)."""
        if not 0 <= n <= len(self.blob) // 4:
            raise self.bad(f"{n} {what} in a file of {len(self.blob)} bytes")
        return n

    def model(self) -> RawModel:
        if self.file.Version() != 3:
            raise self.bad(f"schema version {self.file.Version()}", "3")
        if self.count(self.file.SubgraphsLength(), "subgraphs") < 1:
            raise self.bad("no subgraph", "one")
        main = self.graph(0)
        if not main.ins or not main.outs or not main.nodes:
            raise self.bad(f"{len(main.ins)} inputs, {len(main.nodes)} operators, "
                           f"{len(main.outs)} outputs", "at least one of each")
        if len(set(main.ins)) < len(main.ins) or len(set(main.outs)) < len(main.outs):
            raise self.bad("a graph input or output is listed twice")
        return RawModel(main.tensors, main.nodes, main.ins, main.outs, self.where, self.graph)

    def graph(self, index: int) -> RawGraph:
        """Subgraph `index`; raises ModelError, also for a number that there is not."""
        if not 0 <= index < self.file.SubgraphsLength():
            raise self.bad(f"subgraph {index}", f"0 to {self.file.SubgraphsLength() - 1}")
        graph = self.file.Subgraphs(index)
        n = self.count(graph.TensorsLength(), "tensors")
        names: dict[str, int] = {}
        tensors = tuple(self.tensor(graph.Tensors(i), i, names) for i in range(n))
        nodes = tuple(
            self.node(graph.Operators(i), i, n)
            for i in range(self.count(graph.OperatorsLength(), "operators"))
        )
        ins = self.numbers(graph.InputsAsNumpy(), n, "graph inputs", optional=False)
        outs = self.numbers(graph.OutputsAsNumpy(), n, "graph outputs", optional=False)
        if index > 0 or set(ins) & {i for i, r in enumerate(tensors) if r.strange}:
            for raw in tensors:
                refuse_strange(f"tensor {raw.tensor.name!r}", raw)
        return RawGraph(tensors, nodes, ins, outs)

    def numbers(self, values: object, n: int, what: str, optional: bool) -> tuple[int, ...]:
        """Tensor numbers below `n`; -1 only where `optional`."""
        # the flatbuffer package gives the number 0 for a vector that is absent
        numbers = tuple(int(v) for v in values) if isinstance(values, np.ndarray) else ()
        if any(v >= n or v < (-1 if optional else 0) for v in numbers):
            raise self.bad(f"{what} name tensors {numbers}", f"0 to {n - 1}")
        return numbers

    def node(self, op: tflite.Operator, index: int, n: int) -> RawNode:
        if op is None or op.OpcodeIndex() >= self.file.OperatorCodesLength():
            raise self.bad(f"operator {index} has no code")
        code = self.file.OperatorCodes(op.OpcodeIndex())
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        kind = _BUILTINS.get(number, f"operator code {number}")
        if kind == "CUSTOM":
            kind = f"CUSTOM {(code.CustomCode() or b'?').decode('utf-8', 'replace')}"
        what = f"operator {index} ({kind})"
        outs = self.numbers(op.OutputsAsNumpy(), n, f"outputs of {what}", optional=False)
        ins = self.numbers(op.InputsAsNumpy(), n, f"inputs of {what}", optional=True)
        return RawNode(index, kind, ins, outs, op)

    def tensor(self, t: tflite.Tensor, index: int, names: dict[str, int]) -> RawTensor:
        name = (t.Name() or b"").decode("utf-8", "replace") or f"tensor_{index}"
        if name in names:
            name = f"{name}#{index}"
        names[name] = index
        shape = self.shape(t, name)
        if t.Type() not in _DTYPES:
            return RawTensor(Tensor(name, shape), np.void, shape,
                             _TYPE_NAMES.get(t.Type(), f"number {t.Type()}"))
        dtype = _DTYPES[t.Type()]
        data = self.data(t, name, shape, dtype)
        q = self.params(t, name, shape, dtype, data)
        if dtype is np.uint8 and q is not None:
            return RawTensor(_signed(Tensor(name, shape, data, q)), dtype,
                             self.declared(t, shape))
        return RawTensor(Tensor(name, shape, data, q), dtype, self.declared(t, shape))

    def declared(self, t: tflite.Tensor, shape: Shape) -> tuple[int | None, ...]:
        """`shape` with None where the signature has -1."""
        dims = t.ShapeSignatureAsNumpy()
        if isinstance(dims, int) or len(dims) != len(shape):
            return shape
        return tuple(None if d < 0 else n for d, n in zip(dims.tolist(), shape, strict=True))

    def shape(self, t: tflite.Tensor, name: str) -> Shape:
        dims = t.ShapeAsNumpy()
        shape = () if isinstance(dims, int) else tuple(int(d) for d in dims)
        if shape and shape[0] == -1:
            shape = (1, *shape[1:])  # dynamic batch
        if any(d < 0 for d in shape) or len(shape) > 8 or prod(shape) > _MAX_ELEMENTS:
            raise self.bad(f"tensor {name!r} has shape {shape}", "at most 8 positive dimensions")
        return shape

    def data(self, t: tflite.Tensor, name: str, shape: Shape,
             dtype: type[np.generic]) -> Array | None:
        if t.Buffer() >= self.file.BuffersLength():
            raise self.bad(f"tensor {name!r} has buffer {t.Buffer()}",
                           f"below {self.file.BuffersLength()}")
        buffer = self.file.Buffers(t.Buffer())
        if buffer.Offset() > 1:
            raw = self.blob[buffer.Offset():buffer.Offset() + buffer.Size()]
        elif buffer.DataLength() == 0:
            if t.Sparsity() is None:
                return None
            raw = b""  # a constant of zeros
        else:
            raw = buffer.DataAsNumpy().tobytes()
        if t.Type() == tflite.TensorType.INT4 and t.Sparsity() is None:
            return self.nibbles(raw, name, shape)
        size = np.dtype(dtype).itemsize
        if t.Sparsity() is not None and len(raw) % size == 0:
            data = dense(f"{self.where}, tensor {name!r}", t.Sparsity(), shape,
                         np.frombuffer(raw, dtype))
        elif len(raw) == prod(shape) * size:
            data = np.frombuffer(raw, dtype).reshape(shape)
        else:
            raise self.bad(f"tensor {name!r} {shape} has {len(raw)} bytes of data",
                           str(prod(shape) * size))
        if np.issubdtype(dtype, np.floating):
            if np.isnan(data).any() or (data == np.inf).any():
                raise self.bad(f"constant {name!r} holds NaN or infinity",
                               "finite numbers, or minus infinity in a mask")
            return data.astype(np.float32)
        return data

    def nibbles(self, raw: bytes, name: str, shape: Shape) -> Array:
        """The 4-bit integers in `raw`, two a byte, the first in the low half."""
        if len(raw) != (prod(shape) + 1) // 2:
            raise self.bad(f"tensor {name!r} {shape} has {len(raw)} bytes of data",
                           str((prod(shape) + 1) // 2))
        both = np.frombuffer(raw, np.int8)
        pairs = np.stack([(both << 4).astype(np.int8) >> 4, both >> 4], 1)
        return pairs.reshape(-1)[:prod(shape)].reshape(shape)

    def params(self, t: tflite.Tensor, name: str, shape: Shape, dtype: type[np.generic],
               data: Array | None) -> QuantParams | None:
        q = t.Quantization()
        if q is None or q.ScaleLength() == 0 or not np.issubdtype(dtype, np.integer):
            return None
        n = self.count(q.ScaleLength(), "scales")
        scale = q.ScaleAsNumpy().astype(np.float64)
        zero = q.ZeroPointAsNumpy().astype(np.int64) if q.ZeroPointLength() else np.zeros(n, int)
        axis = q.QuantizedDimension() if n > 1 else None
        if axis is not None and shape == (n,):
            axis = 0  # some converters name the axis of the weights for their bias, too
        info = np.iinfo(np.dtype(dtype).name)
        if data is not None and not data.any():
            scale = np.maximum(scale, _LEAST)  # TensorFlow's converter writes 0 for zeros
        if not (np.all(np.isfinite(scale)) and np.all(scale > 0)):
            raise self.bad(f"tensor {name!r} has a scale of {scale.min()}", "positive scales")
        if len(zero) not in (1, n) or np.any(zero < info.min) or np.any(zero > info.max):
            raise self.bad(f"tensor {name!r} has zero points {zero}", f"{n} within {info.dtype}")
        if axis is not None and not (0 <= axis < len(shape) and shape[axis] == n):
            raise self.bad(f"tensor {name!r} {shape} has {n} scales along axis {axis}")
        bits = min(32, np.dtype(dtype).itemsize * 8)
        if t.Type() == tflite.TensorType.INT4:
            bits = 4
        if axis is None:
            return QuantParams(scale[0], np.asarray(zero[0], np.int32), bits)
        return QuantParams(scale, np.broadcast_to(zero, (n,)).astype(np.int32), bits, axis)


def _signed(tensor: Tensor) -> Tensor:
    """The real values of uint8 integers as int8 ones: integers and zero point 128 lower.

    A constant of narrower range is moved to a zero point of 0 where that leaves it within int8.
    """
    q = tensor.params
    if tensor.data is None:
        return replace(tensor, q=replace(q, zero=q.zero - 128))
    wide = tensor.data.astype(np.int16)
    centred = wide - np.int16(q.zero.min())
    fits = q.axis is None and centred.size and centred.min() >= -128 and centred.max() <= 127
    if fits:
        return replace(tensor, data=centred.astype(np.int8), q=replace(q, zero=0 * q.zero))
    return replace(tensor, data=(wide - 128).astype(np.int8), q=replace(q, zero=q.zero - 128))
