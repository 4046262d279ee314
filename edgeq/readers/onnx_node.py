"""One ONNX node as the operators see it, and what they put in its place."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from edgeq.errors import ModelError, UnsupportedError
from edgeq.ir import Array, QuantParams, Tensor, unused
from edgeq.ops.base import Op, SameAsInput, Shape
from edgeq.ops.gather import Transpose
from edgeq.ops.reshape import Reshape
from edgeq.readers.onnx_file import FIX, MAX_ELEMENTS, Attr

TO_LAST = (0, 2, 3, 1)  # (n, c, h, w) -> (n, h, w, c)
TO_FIRST = (0, 3, 1, 2)


@dataclass(frozen=True, eq=False)
class Weights:
    """A constant of a layer: float32, or integers with their parameters."""

    data: Array
    q: QuantParams | None = None

    def transpose(self, perm: tuple[int, ...]) -> Weights:
        """The axes in another order."""
        q = self.q
        if q is not None and q.axis is not None:
            q = replace(q, axis=perm.index(q.axis))
        return Weights(self.data.transpose(perm), q)

    def widened(self) -> Weights:
        """Filters (a, b, k) over one axis as filters (a, b, 1, k) over two."""
        q = self.q
        if q is not None and q.axis == 2:
            q = replace(q, axis=3)
        return Weights(self.data[:, :, None], q)

    def part(self, rows: slice) -> Weights:
        """The filters `rows` of axis 0."""
        q = self.q
        if q is not None and q.axis == 0:
            q = replace(q, scale=q.scale[rows], zero=q.zero[rows])
        return Weights(self.data[rows], q)


@dataclass(frozen=True, eq=False)
class OnnxNode:
    """A node under translation, in the file's axis order (n, c, h, w).

    `ins` and `outs` hold "" for what is absent. A translation calls `emit` for every operator
    that it needs, the last of which write `outs`; transposes that it puts around operators
    which want channels last vanish later (passes/layout.py).
    """

    name: str
    kind: str
    place: str  # as messages name the node
    opset: int
    ins: tuple[str, ...]
    outs: tuple[str, ...]
    attrs: Mapping[str, Attr]
    tensors: dict[str, Tensor]  # all so far; grows
    whole: Collection[str] = ()  # those that hold whole numbers
    ops: list[Op] = field(default_factory=list)

    # what the file says

    def has(self, i: int) -> bool:
        """True where input `i` is there."""
        return i < len(self.ins) and self.ins[i] != ""

    def tensor(self, i: int) -> Tensor:
        """Input `i`, which must be there."""
        if not self.has(i):
            raise ModelError(self.place, f"input {i} is missing", "", FIX)
        return self.tensors[self.ins[i]]

    def shape(self, i: int) -> Shape:
        """Shape of input `i`."""
        return self.tensor(i).shape

    def const(self, i: int) -> Array:
        """Data of input `i`, which must be a constant."""
        tensor = self.tensor(i)
        if tensor.data is None:
            raise UnsupportedError(self.place, f"input {i} ({tensor.name!r}) is computed at run "
                                   "time", "a constant", "freeze the model before export")
        return tensor.data if tensor.q is None else tensor.q.dequantize(
            tensor.data)  # type: ignore[arg-type]

    def weights(self, i: int) -> Weights:
        """The same as weights, which keep their integers where the layer is quantized."""
        tensor = self.tensor(i)
        if tensor.data is not None and (tensor.q is not None or tensor.data.dtype == np.int32):
            return Weights(tensor.data, tensor.q)
        return Weights(np.asarray(self.const(i), np.float32))

    def optional(self, i: int) -> Array | None:
        """Data of input `i`, or None where it is absent."""
        return self.const(i) if self.has(i) else None

    def numbers(self, i: int, attr: str) -> tuple[int, ...] | None:
        """Integers that older opsets have as the attribute `attr`, newer ones as input `i`."""
        if self.has(i):
            return tuple(int(v) for v in self.const(i).reshape(-1).tolist())
        return self.integers(attr)

    def integers(self, name: str) -> tuple[int, ...] | None:
        """A list of integers, None where the node has no such attribute."""
        value = self.attrs.get(name)
        if value is None:
            return None
        if not isinstance(value, tuple) or not all(isinstance(v, int) for v in value):
            raise self.bad(name)
        return value  # type: ignore[return-value]

    def integer(self, name: str, default: int) -> int:
        value = self.attrs.get(name, default)
        if not isinstance(value, int):
            raise self.bad(name)
        return value

    def real(self, name: str, default: float) -> float:
        value = self.attrs.get(name, default)
        if not isinstance(value, int | float):
            raise self.bad(name)
        return float(value)

    def text(self, name: str, default: str) -> str:
        value = self.attrs.get(name, default)
        if not isinstance(value, str):
            raise self.bad(name)
        return value

    def bad(self, name: str) -> ModelError:
        return ModelError(self.place, f"attribute {name!r} is {self.attrs.get(name)!r}",
                          "as the ONNX standard has it", FIX)

    def axis(self, value: int, rank: int) -> int:
        """`value` as an axis from the front; raises ModelError where it is outside."""
        if not -rank <= value < max(rank, 1):
            raise ModelError(self.place, f"axis {value} of a tensor with {rank} axes", "", FIX)
        return value % rank if rank else 0

    def require(self, holds: bool, found: str, allowed: str, fix: str) -> None:
        """Raise UnsupportedError unless `holds`."""
        if not holds:
            raise UnsupportedError(self.place, found, allowed, fix)

    # what comes out

    def temp(self, tag: str) -> str:
        """A tensor name that is not taken yet."""
        base = next((n for n in self.outs if n), self.name)
        return unused(f"{base}/{tag}", self.tensors)

    def label(self) -> str:
        """The name of the next operator: the node's own for the first."""
        return self.name if not self.ops else f"{self.name}/{len(self.ops)}"

    def emit(self, op: Op, *params: QuantParams | None) -> str:
        """Add `op`, whose inputs are known, and its outputs; gives the first one's name."""
        shapes, rule = op.shape(*(self.tensors[n].shape for n in op.ins)), op.rule()
        if not params and isinstance(rule, SameAsInput):
            params = (self.tensors[op.ins[rule.index]].q,) * len(op.outs)
        for i, (name, shape) in enumerate(zip(op.outs, shapes, strict=True)):
            if any(d < 0 for d in shape) or prod(shape) > MAX_ELEMENTS:
                raise ModelError(self.place, f"gives a tensor of shape {shape}", "", FIX)
            self.tensors[name] = Tensor(name, shape, None, params[i] if params else None)
        self.ops.append(op)
        return op.outs[0]

    def value(self, tag: str, data: Array, q: QuantParams | None = None) -> str:
        """A new constant."""
        name = self.temp(tag)
        self.tensors[name] = Tensor(name, data.shape, data, q)
        return name

    def floats(self, tag: str, data: Array) -> str:
        """A new constant of float32."""
        return self.value(tag, np.ascontiguousarray(data, np.float32))

    def transposed(self, x: str, perm: tuple[int, ...], out: str = "") -> str:
        """`x` with its axes in another order."""
        tensor, name = self.tensors[x], out or self.temp("order")
        if tensor.data is not None and not out:
            return self.value("order", tensor.data.transpose(perm))
        return self.emit(Transpose(name=self.label(), ins=(x,), outs=(name,), perm=perm), tensor.q)

    def reshaped(self, x: str, to: Shape, out: str = "") -> str:
        """`x` under the shape `to`."""
        tensor, name = self.tensors[x], out or self.temp("shape")
        if prod(tensor.shape) != prod(to):
            raise ModelError(self.place, f"shape {tensor.shape} cannot become {to}",
                             "the same number of values", FIX)
        if tensor.shape == to and not out:
            return x
        if tensor.data is not None and not out:
            return self.value("shape", tensor.data.reshape(to))
        return self.emit(Reshape(name=self.label(), ins=(x,), outs=(name,), to=to), tensor.q)

    def layer_constants(self, x: str, weights: Weights, bias: Weights | None,
                        axis: int) -> tuple[str, str, str]:
        """The inputs of a layer with weights: x, weights, bias (zeros where there is none).

        `axis` counts the filters. In a quantized layer the bias is int32 with the product of
        the other two scales.
        """
        w, q_x, out_c = weights.q, self.tensors[x].q, weights.data.shape[axis]
        if (w is None) != (q_x is None):
            which = "real" if w is None else "quantized"
            raise UnsupportedError(self.place, f"{which} weights for an input that is not",
                                   "both real, or both quantized", "quantize the whole model")
        if w is None or q_x is None:
            b = np.zeros(out_c) if bias is None else bias.data
            return x, self.floats("weights", weights.data), self.floats("bias", b)
        if w.axis not in (None, axis) or w.bits != 8:
            raise UnsupportedError(self.place, f"{w.bits} bit weights with scales along axis "
                                   f"{w.axis}", f"8 bits, one scale, or one for each of the "
                                   f"{out_c} filters", "quantize by output channels")
        weights = self.symmetric(weights, w)
        scale = np.asarray(q_x.scale * w.scale, np.float64)
        q = QuantParams(scale, np.zeros(scale.shape, np.int32), 32, None if w.axis is None else 0)
        return (x, self.value("weights", np.ascontiguousarray(weights.data), weights.q),
                self.value("bias", self._bias(bias, q, out_c), q))

    def symmetric(self, weights: Weights, q: QuantParams) -> Weights:
        """`weights` with zero point 0: the same reals, where their integers then fit 8 bits."""
        if not q.zero.any():
            return weights
        shape = [1] * weights.data.ndim
        if q.axis is not None:
            shape[q.axis] = -1
        data = np.asarray(weights.data, np.int64) - q.zero.reshape(shape)
        self.require(int(data.min()) >= -128 and int(data.max()) <= 127,
                     f"weights with zero point {int(np.abs(q.zero).max())}", "symmetric weights",
                     "quantize with symmetric weights (ONNX Runtime: extra_options="
                     "{'WeightSymmetric': True}, after its quant_pre_process)")
        return Weights(data.astype(np.int8), replace(q, zero=np.zeros_like(q.zero)))

    def _bias(self, bias: Weights | None, q: QuantParams, out_c: int) -> Array:
        """int32 bias under the parameters `q`, as it stands in the file where that fits."""
        if bias is None:
            return np.zeros(out_c, np.int32)
        near = bias.q is not None and np.allclose(bias.q.scale, q.scale, rtol=1e-3, atol=0)
        if bias.data.dtype == np.int32 and (near or bias.q is None):
            return bias.data
        real = bias.data if bias.q is None else bias.q.dequantize(
            bias.data)  # type: ignore[arg-type]
        return q.quantize(real.astype(np.float64))

    def alias(self, x: str) -> None:
        """The node's output is `x` itself."""
        if self.tensors[x].is_const:
            self.tensors[self.outs[0]] = replace(self.tensors[x], name=self.outs[0])
            return
        self.reshaped(x, self.tensors[x].shape, self.outs[0])

    def set_params(self, name: str, q: QuantParams | None) -> None:
        self.tensors[name] = replace(self.tensors[name], q=q)
