"""The typed, frozen graph that every stage takes and returns (activations NHWC)."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import ModelError

if TYPE_CHECKING:
    from edgeq.ops.base import Op

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.integer]
Array = NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class QuantParams:
    """Affine quantization: real = scale * (q - zero).

    `scale` is float64 and `zero` int32, of shape () for a whole tensor or (C,) along `axis`;
    `bits` is the width of the stored integers, which are signed. Weights of `group` > 0 have the
    scale times a small integer of their own for each `group` weights along the input channels:
    the integers hold it as a factor (see kernels/levels.py), and `bits` counts without it.
    """

    scale: NDArray[np.float64]
    zero: NDArray[np.int32]
    bits: int = 8
    axis: int | None = None
    group: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", _frozen(np.asarray(self.scale, np.float64)))
        object.__setattr__(self, "zero", _frozen(np.asarray(self.zero, np.int32)))
        assert self.scale.shape == self.zero.shape, (self.scale.shape, self.zero.shape)
        assert self.scale.ndim == (0 if self.axis is None else 1)
        assert bool(np.all(np.isfinite(self.scale)) and np.all(self.scale > 0)), self.scale

    @property
    def qmin(self) -> int:
        return -(1 << (self.bits - 1))

    @property
    def qmax(self) -> int:
        return 1 if self.bits == 1 else (1 << (self.bits - 1)) - 1  # one bit: -1 and 1

    def quantize(self, x: FloatArray) -> IntArray:
        """Integers nearest to `x` (half away from zero, as TFLite), clamped to [qmin, qmax]."""
        scale, zero = self._along(x.ndim)
        scaled = np.asarray(x, np.float64) / scale
        rounded = np.sign(scaled) * np.floor(np.abs(scaled) + 0.5)
        return np.clip(rounded + zero, self.qmin, self.qmax).astype(dtype_of(self.bits))

    def dequantize(self, q: IntArray) -> NDArray[np.float32]:
        """Real values of the integers `q`."""
        scale, zero = self._along(q.ndim)
        return (scale * (q.astype(np.int64) - zero)).astype(np.float32)

    def _along(self, ndim: int) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        if self.axis is None:
            return self.scale, self.zero
        shape = [1] * ndim
        shape[self.axis] = -1
        return self.scale.reshape(shape), self.zero.reshape(shape)


def same_params(a: QuantParams, b: QuantParams) -> bool:
    """True where `a` and `b` map every integer to the same real value."""
    return (
        a.bits == b.bits
        and a.axis == b.axis
        and a.group == b.group
        and np.array_equal(a.scale, b.scale)
        and np.array_equal(a.zero, b.zero)
    )


def dtype_of(bits: int) -> type[np.signedinteger]:
    """The numpy type that stores signed integers of `bits`."""
    return np.int8 if bits <= 8 else np.int16 if bits <= 16 else np.int32


def unused(base: str, taken: Container[str]) -> str:
    """`base`, or with the first number from 2 on behind it that makes it none of `taken`."""
    name, n = base, 1
    while name in taken:
        n += 1
        name = f"{base}{n}"
    return name


@dataclass(frozen=True, eq=False)
class Tensor:
    """One value of the graph: an activation (`data` is None) or a constant.

    In a float graph constants are float32 (or int32/int64 for indices) and `q` is None;
    in an integer graph every float tensor has `q` and constants hold the integers.
    """

    name: str
    shape: tuple[int, ...]
    data: Array | None = None
    q: QuantParams | None = None

    def __post_init__(self) -> None:
        if self.data is not None:
            assert self.data.shape == self.shape, (self.name, self.data.shape, self.shape)
            object.__setattr__(self, "data", _frozen(self.data))

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def is_const(self) -> bool:
        return self.data is not None

    @property
    def params(self) -> QuantParams:
        """The quantization parameters of a tensor that is known to have them."""
        assert self.q is not None, f"{self.name} is not quantized"
        return self.q


@dataclass(frozen=True, eq=False)
class State:
    """A value that a graph keeps between its runs, which are the steps of a sequence.

    A run reads `source`; the next one finds there what this one left in `result`. `initial`,
    of a shape that broadcasts to that of `source`, is its value at reset; None is real 0.
    """

    source: str
    result: str
    initial: Array | None = None


@dataclass(frozen=True, eq=False)
class Graph:
    """Operators in execution order over named tensors; checked when it is made."""

    tensors: Mapping[str, Tensor]
    ops: tuple[Op, ...]
    ins: tuple[str, ...]
    outs: tuple[str, ...]
    name: str = field(default="model")
    # inputs and outputs whose axes the reader moved: transpose(value, moved[name]) is the file's
    moved: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    states: tuple[State, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "tensors", MappingProxyType(dict(self.tensors)))
        object.__setattr__(self, "moved", MappingProxyType(dict(self.moved)))
        self.check()

    def tensor(self, name: str) -> Tensor:
        return self.tensors[name]

    def const(self, name: str) -> Array:
        """The data of the constant `name`."""
        data = self.tensors[name].data
        assert data is not None, f"{name} is not a constant"
        return data

    def integers(self, name: str) -> IntArray:
        """The data of the constant `name`, which holds integers."""
        data = self.const(name)
        assert np.issubdtype(data.dtype, np.integer), f"{name} holds {data.dtype}"
        return data  # type: ignore[return-value]

    def producer(self, name: str) -> Op | None:
        """The operator that writes `name`, or None for inputs and constants."""
        return next((op for op in self.ops if name in op.outs), None)

    def consumers(self, name: str) -> tuple[Op, ...]:
        """The operators that read `name`, in execution order."""
        return tuple(op for op in self.ops if name in op.ins)

    def initial(self, state: State) -> Array:
        """What `state` holds at reset, in the shape of its source."""
        tensor = self.tensors[state.source]
        if state.initial is not None:
            return np.broadcast_to(state.initial, tensor.shape)
        if tensor.q is None:
            return np.zeros(tensor.shape, np.float32)
        return np.full(tensor.shape, int(tensor.q.zero), dtype_of(tensor.q.bits))

    def activations(self) -> Iterator[Tensor]:
        """Graph inputs, kept states, then every operator's outputs, in execution order."""
        for name in self.ins:
            yield self.tensors[name]
        for state in self.states:
            yield self.tensors[state.source]
        for op in self.ops:
            for name in op.outs:
                yield self.tensors[name]

    def replace(
        self,
        *,
        tensors: Mapping[str, Tensor] | None = None,
        ops: tuple[Op, ...] | None = None,
        ins: tuple[str, ...] | None = None,
        outs: tuple[str, ...] | None = None,
        states: tuple[State, ...] | None = None,
    ) -> Graph:
        """A new, checked graph; tensors that nothing uses any more are dropped."""
        new_ops = self.ops if ops is None else ops
        new_ins = self.ins if ins is None else ins
        new_outs = self.outs if outs is None else outs
        new_states = self.states if states is None else states
        used = {n for op in new_ops for n in (*op.ins, *op.outs)} | {*new_ins, *new_outs}
        used |= {n for s in new_states for n in (s.source, s.result)}
        pool = self.tensors if tensors is None else tensors
        kept = {n: t for n, t in pool.items() if n in used}
        return replace(self, tensors=kept, ops=new_ops, ins=new_ins, outs=new_outs,
                       states=new_states)

    def with_tensors(self, *changed: Tensor) -> Graph:
        """A new graph in which `changed` replace (or join) the tensors of the same name."""
        return self.replace(tensors={**self.tensors, **{t.name: t for t in changed}})

    def check(self) -> None:
        """Raise ModelError where an operator reads what nothing wrote, or a shape disagrees."""
        known = {n for n, t in self.tensors.items() if t.is_const} | set(self.ins)
        known |= {state.source for state in self.states}
        for op in self.ops:
            for name in op.ins:
                if name and name not in known:
                    raise ModelError(op.name, f"input {name!r} is not produced before it is used",
                                     "operators in execution order", "export the model again")
            ins = tuple(self.tensors[n] for n in op.ins)
            shapes = op.shape(*(t.shape for t in ins))
            for name, shape in zip(op.outs, shapes, strict=True):
                if self.tensors[name].shape != shape:
                    raise ModelError(op.name, f"output {name!r} has shape "
                                     f"{self.tensors[name].shape}, its inputs give {shape}",
                                     "consistent shapes", "export the model again")
                known.add(name)
        for name in (*self.outs, *(state.result for state in self.states)):
            if name not in known:
                raise ModelError("graph", f"output {name!r} is never written",
                                 "outputs of an operator", "export the model again")


def _frozen(array: NDArray) -> NDArray:  # type: ignore[type-arg]
    """A read-only view, so that nobody writes into a shared array."""
    view = np.asarray(array).view()  # operations on arrays of no axis give scalars
    view.flags.writeable = False
    return view
