"""One ONNX node as the operators see it, and what they put in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from edgeq.errors import ModelError, UnsupportedError
from edgeq.ir import Array, QuantParams, Tensor
from edgeq.ops.base import Op, Shape
from edgeq.ops.gather import Transpose
from edgeq.ops.reshape import Reshape
from edgeq.readers.onnx_file import FIX, Attr

TO_LAST = (0, 2, 3, 1)  # (n, c, h, w) -> (n, h, w, c)
TO_FIRST = (0, 3, 1, 2)


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
        return tensor.data

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
        name, n = f"{self.outs[0]}/{tag}", 1
        while name in self.tensors:
            n += 1
            name = f"{self.outs[0]}/{tag}{n}"
        return name

    def label(self) -> str:
        """The name of the next operator: the node's own for the first."""
        return self.name if not self.ops else f"{self.name}/{len(self.ops)}"

    def emit(self, op: Op, *params: QuantParams | None) -> str:
        """Add `op`, whose inputs are known, and its outputs; gives the first one's name."""
        shapes = op.shape(*(self.tensors[n].shape for n in op.ins))
        for i, (name, shape) in enumerate(zip(op.outs, shapes, strict=True)):
            if any(d < 0 for d in shape):
                raise ModelError(self.place, f"gives a tensor of shape {shape}", "", FIX)
            self.tensors[name] = Tensor(name, shape, None, params[i] if params else None)
        self.ops.append(op)
        return op.outs[0]

    def value(self, tag: str, data: Array) -> str:
        """A new constant."""
        name = self.temp(tag)
        self.tensors[name] = Tensor(name, data.shape, data)
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
        if tensor.shape == to and not out:
            return x
        if tensor.data is not None and not out:
            return self.value("shape", tensor.data.reshape(to))
        return self.emit(Reshape(name=self.label(), ins=(x,), outs=(name,), to=to), tensor.q)

    def alias(self, x: str) -> None:
        """The node's output is `x` itself."""
        self.reshaped(x, self.tensors[x].shape, self.outs[0])

    def set_params(self, name: str, q: QuantParams | None) -> None:
        self.tensors[name] = replace(self.tensors[name], q=q)
