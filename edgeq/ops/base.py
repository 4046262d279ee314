"""What every operator is: one frozen class that holds all its knowledge (docs/architecture.md)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.ir import FloatArray, Graph, IntArray, QuantParams, dtype_of

if TYPE_CHECKING:
    from edgeq.board import Target
    from edgeq.ops.windows import Window
    from edgeq.plan import Call
    from edgeq.readers.node import TfliteNode
    from edgeq.readers.onnx_node import OnnxNode

Shape = tuple[int, ...]


class Act(Enum):
    """Activations that a kernel applies for free, as a clamp of its output."""

    NONE = "none"
    RELU = "relu"
    RELU6 = "relu6"
    RELU_N1_TO_1 = "relu_n1_to_1"

    @property
    def bounds(self) -> tuple[float, float]:
        """The real interval that the activation clamps to."""
        inf = float("inf")
        return {
            Act.NONE: (-inf, inf), Act.RELU: (0.0, inf),
            Act.RELU6: (0.0, 6.0), Act.RELU_N1_TO_1: (-1.0, 1.0),
        }[self]


@dataclass(frozen=True)
class Free:
    """The output's parameters are chosen from its observed range."""


@dataclass(frozen=True)
class SameAsInput:
    """The output has the parameters of input `index` (pooling, reshape, pad, ...)."""

    index: int = 0


@dataclass(frozen=True)
class Fixed:
    """The output's parameters are given by the function's range (softmax: 1/256, -128)."""

    scale: float
    zero: int
    bits: int = 8


@dataclass(frozen=True)
class Integers:
    """The output holds whole numbers as they are, in `bits`: indices, or 0 and 1."""

    bits: int


Rule = Free | SameAsInput | Fixed | Integers


@dataclass(frozen=True)
class WeightSpec:
    """Which inputs of an operator are weights: `weight` quantized along `axis`, `bias` int32."""

    weight: int
    axis: int
    bias: int


@dataclass(frozen=True)
class Limit:
    """A constraint that is at once check, error message and manual line.

    `check(op, graph)` returns what was found where the limit is broken, else "".
    """

    text: str
    check: Callable[[Op, Graph], str]
    fix: str


@dataclass(frozen=True, kw_only=True)
class Op(ABC):
    """One node: reads the tensors `ins`, writes the tensors `outs`."""

    name: str
    ins: tuple[str, ...]
    outs: tuple[str, ...]

    tflite_names: ClassVar[tuple[str, ...]] = ()  # BuiltinOperator names that become this class
    onnx_names: ClassVar[tuple[str, ...]] = ()  # ONNX operators that `from_onnx` translates
    limits: ClassVar[tuple[Limit, ...]] = ()
    weight_spec: ClassVar[WeightSpec | None] = None
    wide: ClassVar[bool] = False  # computes with 16-bit activations, too
    is_view: ClassVar[bool] = False  # the output is the input's bytes under another shape
    unifies: ClassVar[bool] = False  # inputs with the output's parameters need no requantization
    moves: ClassVar[bool] = False  # only moves values, of any width
    index_ins: ClassVar[tuple[int, ...]] = ()  # inputs that are whole numbers: int32, scale 1
    truth_ins: ClassVar[tuple[int, ...]] = ()  # inputs that are 0 or 1: int8, scale 1
    own_consts: ClassVar[tuple[int, ...]] = ()  # inputs whose parameters `const_params` gives

    @classmethod
    def from_tflite(cls, node: TfliteNode) -> Op | tuple[Op, ...]:
        """The operator(s) for one TFLite node; raises UnsupportedError."""
        raise UnsupportedError(node.name, f"{cls.__name__} is not read from TFLite",
                               "an operator listed by `edgeq ops`", "replace the layer")

    @classmethod
    def from_onnx(cls, node: OnnxNode) -> None:
        """Emit this operator, and what it needs around it, for one ONNX node.

        The readers' own tables (readers/onnx_*.py) hold most translations; raises
        UnsupportedError.
        """
        raise UnsupportedError(node.place, f"{cls.__name__} is not read from ONNX",
                               "an operator listed by `edgeq ops`", "replace the layer")

    @abstractmethod
    def shape(self, *ins: Shape) -> tuple[Shape, ...]:
        """Output shapes for the input shapes."""

    @abstractmethod
    def run(self, *xs: FloatArray) -> tuple[FloatArray, ...]:
        """Float reference; activations may carry any leading batch dimension."""

    def carried(self) -> tuple[tuple[int, int], ...]:
        """Pairs (input, output): states that the operator updates in place."""
        return ()

    def rule(self) -> Rule:
        """How the output's quantization parameters follow."""
        return Free()

    def output_rule(self, index: int) -> Rule:
        """The rule of one output, where they differ."""
        return self.rule()

    def observed(self, *xs: FloatArray) -> Mapping[str, FloatArray]:
        """Values inside the operator whose range quantization needs, by name.

        A name of `outs` adds to what is seen of that output; others are named after it.
        """
        return {}

    def settled(self, ranges: Mapping[str, tuple[float, float]]) -> Op:
        """The operator with what follows from the ranges of the values inside it."""
        return self

    def const_params(self, g: Graph, params: Mapping[str, QuantParams]) -> dict[str, QuantParams]:
        """Parameters of the constants `own_consts` under those of the activations."""
        return {}

    def state_params(self, g: Graph) -> tuple[QuantParams, ...]:
        """The parameters of the states of `carried` in an integer graph."""
        return ()

    @abstractmethod
    def run_int(self, g: Graph, *qs: IntArray) -> tuple[IntArray, ...]:
        """The specification of the arithmetic: integers in, integers out, exact."""

    @abstractmethod
    def lower(self, g: Graph, target: Target) -> tuple[Call, ...]:
        """The C calls for this operator: constants folded, weights packed, function chosen."""

    def takes_wide(self, g: Graph) -> bool:
        """Whether there is a kernel with 16-bit activations for this use of the operator."""
        return self.wide

    def macs(self, g: Graph) -> int:
        """Multiply-accumulates of one inference."""
        return 0

    def rows(self, g: Graph) -> Window | None:
        """The window of image rows behind an output row; None where it is not made row by row."""
        return None

    def with_border(self, top: int, bottom: int) -> Op:
        """The operator with other padding above and below, where `rows` gives a window."""
        return self


def whole_numbers(graph: Graph) -> dict[str, int]:
    """The activations that hold whole numbers, and in how many bits: indices, 0 and 1.

    Results of operators that give them, what operators take as indices, and what only moves those.
    """
    found: dict[str, int] = {}
    for op in graph.ops:
        for i, name in enumerate(op.outs):
            rule = op.output_rule(i)
            if isinstance(rule, Integers):
                found[name] = rule.bits
            elif isinstance(rule, SameAsInput) and op.ins[rule.index] in found:
                found[name] = found[op.ins[rule.index]]
    for op in reversed(graph.ops):
        rule = op.rule()
        found |= {op.ins[i]: 32 for i in op.index_ins if not graph.tensor(op.ins[i]).is_const}
        for name in (op.ins[i] for i in op.truth_ins):
            if not graph.tensor(name).is_const:
                found.setdefault(name, 8)
        if isinstance(rule, SameAsInput) and op.outs[0] in found and not op.index_ins:
            found.setdefault(op.ins[rule.index], found[op.outs[0]])
    return found


def value_bytes(g: Graph, name: str) -> int:
    """Bytes of one value of the activation `name`: kernels that only move values take any."""
    q = g.tensor(name).q
    return 1 if q is None else dtype_of(q.bits)().itemsize


def constant_results(graph: Graph, op: Op) -> tuple[FloatArray | IntArray, ...]:
    """What `op`, whose inputs are all constants, gives."""
    values = [graph.const(n) for n in op.ins]
    if graph.tensor(op.outs[0]).q is not None:
        return op.run_int(graph, *values)  # type: ignore[arg-type]
    return op.run(*values)  # type: ignore[arg-type]


def check_limits(op: Op, g: Graph) -> None:
    """Raise UnsupportedError for the first limit that `op` breaks."""
    kept = {name for i, o in op.carried() for name in (op.ins[i], op.outs[o])}
    if not op.wide and any(q is not None and q.bits == 16 for q in
                           (g.tensor(n).q for n in {*op.ins, *op.outs} - kept)):
        raise UnsupportedError(f"{type(op).__name__} {op.name!r}", "16-bit activations",
                               "8-bit activations for this operator",
                               "choose a recipe with act_bits = 8")
    for i, name in enumerate(op.ins):
        tensor = g.tensor(name)
        if (tensor.q is not None and tensor.q.bits == 32 and not tensor.is_const
                and i not in op.index_ins and not op.moves):
            raise UnsupportedError(f"{type(op).__name__} {op.name!r}",
                                   f"whole numbers of 32 bits as input {i}", "8 or 16 bits",
                                   "end the model before, or use them as indices")
    for limit in op.limits:
        found = limit.check(op, g)
        if found:
            raise UnsupportedError(f"{type(op).__name__} {op.name!r}", found, limit.text, limit.fix)


def check_finite(graph: Graph) -> None:
    """Raise UnsupportedError for the first operator that reads a constant with an infinity.

    Masks of a softmax are no constants of this kind any more (passes/fuse_masks.py).
    """
    for op in graph.ops:
        for tensor in (graph.tensor(n) for n in op.ins):
            data = tensor.data
            if data is not None and data.dtype.kind == "f" and np.isinf(data).any():
                name = tensor.name.split("@")[0]
                raise UnsupportedError(
                    f"{type(op).__name__} {op.name!r}", f"infinities in {name!r}",
                    "finite constants, but for masks that are added to the input of a softmax",
                    "mask right before the softmax, or with a number that the values reach")


def clamp_bounds(act: Act, q_out: QuantParams) -> tuple[int, int]:
    """(act_min, act_max): the integer interval of `act` under the output's parameters."""
    low, high = act.bounds
    scale, zero = float(q_out.scale), int(q_out.zero)

    def grid(value: float) -> int:
        # TFLite's CalculateActivationRangeQuantized: zero + round(value / scale), half away
        scaled = value / scale
        return zero + int(abs(scaled) + 0.5) * (1 if scaled >= 0 else -1)

    act_min = q_out.qmin if low == -float("inf") else max(q_out.qmin, grid(low))
    act_max = q_out.qmax if high == float("inf") else min(q_out.qmax, grid(high))
    return act_min, act_max
