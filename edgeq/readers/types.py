"""What readers share: verdicts, and the number types that a graph may have."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from edgeq.custom import Custom
from edgeq.errors import UnsupportedError, UsageError
from edgeq.ir import Graph, Tensor
from edgeq.ops.base import Op, Shape, whole_numbers
from edgeq.ops.requantize import Requantize

WAY_OUT = "start from the float model, or quantize all of it to int8"


@dataclass(frozen=True)
class ReadOptions:
    """What the user adds to a file.

    `shapes` gives inputs of open sizes their shape, by name; `values` makes inputs constants,
    filled with one number; `states` pairs inputs with the outputs that replace them in the next
    run; `custom` are operators for nodes that edgeq does not know.
    """

    shapes: Mapping[str, Shape] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    states: tuple[tuple[str, str], ...] = ()
    custom: tuple[Custom, ...] = ()

    def check_names(self, where: str, inputs: Collection[str]) -> None:
        """Raise UsageError for a shape or value of something that is no input of the model."""
        for option, names in (("--shape", self.shapes), ("--fix", self.values)):
            for name in names:
                if name not in inputs:
                    raise UsageError(f"{option} {name}", f"{where} has no such input",
                                     ", ".join(inputs), "name one of these")
        if set(inputs) <= set(self.values):
            raise UsageError("--fix", f"leaves {where} without an input", "at least one input",
                             "fix fewer")

    def shape_of(self, name: str, declared: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape of input `name`, whose open sizes are None in `declared`; raises UsageError
        where the user's shape contradicts it.
        """
        given = self.shapes.get(name)
        if given is None:
            return declared
        fits = len(given) == len(declared) and all(
            g >= 1 and d in (None, g) for g, d in zip(given, declared, strict=True))
        if not fits:
            want = ",".join("any" if d is None else str(d) for d in declared)
            raise UsageError(f"--shape {name}={','.join(map(str, given))}",
                             "does not fit the model", want, "give a size for every axis")
        return given


NO_OPTIONS = ReadOptions()


@dataclass(frozen=True)
class Verdict:
    """What reading makes of one node: `note` says what became of it, or why it cannot be read."""

    index: int
    name: str
    kind: str  # as in the file, e.g. "CONV_2D" or "Conv"
    supported: bool
    note: str


def check_types(graph: Graph, dtypes: Mapping[str, type[np.generic]]) -> None:
    """Raise UnsupportedError unless all operators are float, or all are integers of 8 or 16 bits.

    `dtypes` has the type in the file of every tensor that stands there; the reader's own are real.
    """
    activations, whole = list(graph.activations()), whole_numbers(graph)
    quantized = next((t for t in activations if t.q is not None), None)
    for tensor in activations:
        if quantized is None:
            dtype = dtypes.get(tensor.name, np.float32)
            if dtype is np.bool_ or (tensor.name in whole and dtype is not np.float32):
                continue
            _require(tensor, dtype is np.float32, f"is {dtype.__name__}", "float32")
        elif tensor.q is None:
            raise UnsupportedError(f"tensor {tensor.name!r}",
                                   f"is not quantized, but {quantized.name!r} is",
                                   "one kind from input to output", WAY_OUT)
    for op in graph.ops:
        for i, name in enumerate(op.ins):
            _check_input(op, i, graph.tensor(name), quantized is not None)


def _check_input(op: Op, i: int, tensor: Tensor, quantized: bool) -> None:
    """The type of input `i` of `op`: one integer scale, but weights and bias may have channels.

    Constants with rules of their own are left to the limits of `op`.
    """
    if not quantized:
        real = tensor.data is None or tensor.data.dtype == np.float32
        _require(tensor, real and tensor.q is None, f"is not real, and {op.name} is", "float32")
        return
    if i in op.own_consts:
        widths: tuple[int, ...] = (8, 16) if len(tensor.shape) > 1 else (16, 32)
        _require(tensor, tensor.q is not None and tensor.q.bits in widths,
                 f"is no int{widths[-1]} with a scale as input {i} of {op.name}",
                 f"int{widths[-1]}")
        return
    spec = op.weight_spec
    if spec is not None and i == spec.bias:
        widths = (32,)
    elif spec is not None and i == spec.weight:
        widths = (4, 8)
    else:
        widths = (32,) if i in op.index_ins else (8, 16)
        _require(tensor, tensor.q is None or tensor.q.axis is None,
                 f"has several scales as input {i} of {op.name}", "one scale a tensor")
        centred = tensor.q is None or tensor.q.bits != 16 or not tensor.q.zero.any()
        _require(tensor, centred or isinstance(op, Requantize),
                 f"has 16 bits and a zero point as input {i} of {op.name}", "zero point 0")
    if op.is_view:
        widths = (8, 16, 32)
    found = "no scale" if tensor.q is None else f"{tensor.q.bits} bits"
    allowed = " or ".join(f"int{w}" for w in widths)
    _require(tensor, tensor.q is not None and tensor.q.bits in widths,
             f"has {found} as input {i} of {op.name}", f"{allowed} with a scale")


def _require(tensor: Tensor, holds: bool, found: str, allowed: str) -> None:
    if not holds:
        raise UnsupportedError(f"tensor {tensor.name!r}", found, allowed, WAY_OUT)
